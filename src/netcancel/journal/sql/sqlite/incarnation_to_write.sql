-- The present life. SQLite lets in one writer at a time: there is nothing to lock.
SELECT id, count FROM incarnation ORDER BY number DESC LIMIT 1
