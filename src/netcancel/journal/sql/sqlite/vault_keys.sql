SELECT id FROM vault_key ORDER BY id
