-- The worlds, which are few, come from a walk that skips through the index; each is looked into.
SELECT refused, count(*) AS payments
FROM (SELECT DISTINCT world FROM netcancel_payment) AS found
STRAIGHT_JOIN netcancel_payment AS payment FORCE INDEX (payment_due)
    ON payment.world = found.world
WHERE refused IS NOT NULL AND state IN ('net_cancelling', 'settling', 'cancelling', 'escalated')
GROUP BY refused
