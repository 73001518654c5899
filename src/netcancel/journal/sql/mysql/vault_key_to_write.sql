SELECT id AS key_id FROM netcancel_vault_key WHERE id = :key_id FOR UPDATE
