-- For whoever seals with it: nobody forgets it before the payment is there.
SELECT id FROM netcancel_vault_key WHERE id = :key_id LOCK IN SHARE MODE
