INSERT INTO netcancel_vault_key (id) VALUES (:key_id) ON DUPLICATE KEY UPDATE id = VALUES(id)
