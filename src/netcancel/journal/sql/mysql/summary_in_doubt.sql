-- The worlds, which are few, come from a walk that skips through the index; each is looked into.
SELECT count(*) AS payments, coalesce(:now - min(coalesce(owed_since, due_at)), 0) AS oldest
FROM (SELECT DISTINCT world FROM netcancel_payment) AS found
STRAIGHT_JOIN netcancel_payment AS payment FORCE INDEX (payment_due)
    ON payment.world = found.world
WHERE due_at IS NOT NULL AND (
    state IN ('net_cancelling', 'cancelling') OR (state = 'approving' AND due_at <= :now))
