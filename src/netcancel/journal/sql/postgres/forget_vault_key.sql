DELETE FROM netcancel.vault_key WHERE id = :key_id
    AND NOT EXISTS (
        SELECT 1 FROM netcancel.payment
        WHERE sealed_key IS NOT NULL AND substr(sealed_key, 2, 8) = :key_id)
    AND NOT EXISTS (
        SELECT 1 FROM netcancel.meta WHERE name = 'secret' AND substr(value, 2, 8) = :key_id)
