INSERT IGNORE INTO netcancel_vault_key (id) VALUES (:key_id)
