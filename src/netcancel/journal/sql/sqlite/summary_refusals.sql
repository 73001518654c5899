SELECT refused, sum(counted) AS payments FROM (
    SELECT refused, count(*) AS counted FROM payment INDEXED BY payment_due
    WHERE refused IS NOT NULL AND due_at IS NOT NULL
        AND state IN ('net_cancelling', 'settling', 'cancelling')
    GROUP BY refused
    UNION ALL
    SELECT refused, count(*) AS counted FROM payment INDEXED BY payment_at_rest
    WHERE refused IS NOT NULL AND due_at IS NULL AND state = 'escalated' GROUP BY refused)
GROUP BY refused
