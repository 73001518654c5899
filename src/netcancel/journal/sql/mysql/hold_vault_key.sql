-- Whoever seals with a key holds it: nobody forgets it before the payment is there.
SELECT id AS key_id FROM netcancel_vault_key WHERE id = :key_id LOCK IN SHARE MODE
