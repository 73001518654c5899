-- By two indexes, and nothing else: there may be millions.
SELECT state, world IN (SELECT value FROM json_each(:worlds)) AS is_ours, sum(counted) AS payments
FROM (
    SELECT state, world, count(*) AS counted FROM payment INDEXED BY payment_due
    WHERE due_at IS NOT NULL GROUP BY world, state
    UNION ALL
    SELECT state, world, count(*) AS counted FROM payment INDEXED BY payment_at_rest
    WHERE due_at IS NULL GROUP BY state, world)
GROUP BY 1, 2
