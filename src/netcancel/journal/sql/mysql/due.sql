-- One ordered walk through the index for each state: an outage leaves very many rows due. What
-- another worker is about to take is passed over, not waited for.
SELECT * FROM (
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'approving' AND due_at <= :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS approving
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'net_cancelling' AND due_at <= :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS net_cancelling
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'settling' AND due_at <= :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS settling
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'cancelling' AND due_at <= :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS cancelling
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'unconfirmed' AND due_at <= :now
        ORDER BY due_at LIMIT :limit FOR UPDATE SKIP LOCKED) AS unconfirmed
) AS due
ORDER BY due_at, seq LIMIT :limit
