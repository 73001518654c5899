SELECT id FROM netcancel_vault_key ORDER BY id
