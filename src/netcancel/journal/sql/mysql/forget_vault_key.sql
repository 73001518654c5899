DELETE FROM netcancel_vault_key WHERE id = :key_id
    AND NOT EXISTS (SELECT 1 FROM netcancel_payment WHERE key_id = :key_id)
    AND NOT EXISTS (
        SELECT 1 FROM netcancel_meta WHERE name = 'secret' AND SUBSTRING(value, 2, 8) = :key_id)
