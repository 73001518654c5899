DELETE FROM netcancel_vault_key WHERE id = :key_id
    AND NOT EXISTS (
        SELECT 1 FROM netcancel_payment
        WHERE sealed_key IS NOT NULL AND SUBSTR(sealed_key, 2, 8) = :key_id)
    AND NOT EXISTS (
        SELECT 1 FROM netcancel_meta WHERE name = 'secret' AND SUBSTR(value, 2, 8) = :key_id)
