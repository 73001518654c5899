SELECT refused, sum(counted)::bigint AS payments FROM (
    SELECT refused, count(*) AS counted FROM netcancel.payment
    WHERE refused IS NOT NULL AND due_at IS NOT NULL
        AND state IN ('net_cancelling', 'settling', 'cancelling')
    GROUP BY refused
    UNION ALL
    SELECT refused, count(*) AS counted FROM netcancel.payment
    WHERE refused IS NOT NULL AND due_at IS NULL AND state = 'escalated'
    GROUP BY refused) AS found
GROUP BY refused
