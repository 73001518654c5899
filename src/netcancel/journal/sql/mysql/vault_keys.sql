SELECT id AS key_id FROM netcancel_vault_key ORDER BY id
