-- Locked first: whoever seals with it just now is waited for, and then seen.
WITH forgotten AS (SELECT id FROM netcancel.vault_key WHERE id = :key_id FOR UPDATE)
DELETE FROM netcancel.vault_key WHERE id IN (SELECT id FROM forgotten)
    AND NOT EXISTS (
        SELECT 1 FROM netcancel.payment
        WHERE sealed_key IS NOT NULL AND substr(sealed_key, 2, 8) = :key_id)
    AND NOT EXISTS (
        SELECT 1 FROM netcancel.meta WHERE name = 'secret' AND substr(value, 2, 8) = :key_id)
