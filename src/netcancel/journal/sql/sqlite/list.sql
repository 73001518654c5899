SELECT * FROM payment
WHERE state IN (SELECT value FROM json_each(:states))
ORDER BY seq DESC LIMIT :limit
