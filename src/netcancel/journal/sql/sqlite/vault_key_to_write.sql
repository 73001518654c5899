-- SQLite lets in one writer at a time: there is nothing to lock.
SELECT id AS key_id FROM vault_key WHERE id = :key_id
