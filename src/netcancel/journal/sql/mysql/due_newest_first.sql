-- What fell due last, by the same walks from the other end.
SELECT * FROM (
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'approving' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit FOR UPDATE SKIP LOCKED) AS approving
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'net_cancelling' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit FOR UPDATE SKIP LOCKED) AS net_cancelling
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'settling' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit FOR UPDATE SKIP LOCKED) AS settling
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'cancelling' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit FOR UPDATE SKIP LOCKED) AS cancelling
    UNION ALL
    SELECT * FROM (
        SELECT * FROM netcancel_payment
        WHERE world = :world AND state = 'unconfirmed' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit FOR UPDATE SKIP LOCKED) AS unconfirmed
) AS due
ORDER BY due_at DESC, seq DESC LIMIT :limit
