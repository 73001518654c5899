DELETE FROM vault_key WHERE id = :key_id
    AND NOT EXISTS (
        SELECT 1 FROM payment
        WHERE sealed_key IS NOT NULL AND substr(sealed_key, 2, 8) = :key_id)
    AND NOT EXISTS (SELECT 1 FROM meta WHERE name = 'secret' AND substr(value, 2, 8) = :key_id)
