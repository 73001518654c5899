SELECT id AS key_id FROM vault_key ORDER BY id
