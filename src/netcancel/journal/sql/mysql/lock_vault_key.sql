-- Whoever seals with it just now is waited for, and then seen by the next statement.
SELECT id FROM netcancel_vault_key WHERE id = :key_id FOR UPDATE
