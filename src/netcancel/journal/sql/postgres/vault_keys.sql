SELECT id AS key_id FROM netcancel.vault_key ORDER BY id
