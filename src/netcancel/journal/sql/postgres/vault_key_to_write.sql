SELECT id AS key_id FROM netcancel.vault_key WHERE id = :key_id FOR UPDATE
