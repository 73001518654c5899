SELECT refused, count(*) AS payments FROM netcancel_payment
WHERE refused IS NOT NULL AND state IN ('net_cancelling', 'settling', 'cancelling', 'escalated')
GROUP BY refused
