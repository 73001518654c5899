SELECT id FROM netcancel.vault_key ORDER BY id
