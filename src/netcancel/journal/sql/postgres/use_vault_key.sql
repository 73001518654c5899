INSERT INTO netcancel.vault_key (id) VALUES (:key_id) ON CONFLICT (id) DO NOTHING
