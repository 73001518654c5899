-- SQLite lets in one writer at a time: there is nothing to lock.
SELECT * FROM payment WHERE id = :id
