SELECT refused, count(*) AS payments FROM payment
WHERE refused IS NOT NULL AND state IN ('net_cancelling', 'settling', 'escalated')
GROUP BY refused
