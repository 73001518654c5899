SELECT * FROM payment INDEXED BY payment_due
WHERE due_at IS NOT NULL
    AND (state IN ('net_cancelling', 'cancelling') OR (state = 'approving' AND due_at <= :now))
    AND state IN (SELECT value FROM json_each(:states))
ORDER BY seq DESC LIMIT :limit
