-- What is owed or held in a state that this code doesn't know.
SELECT count(*) AS payments FROM payment INDEXED BY payment_due
WHERE due_at IS NOT NULL AND state NOT IN (SELECT value FROM json_each(:states))
