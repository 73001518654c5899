-- What fell due last, by the same walks from the other end.
WITH due (seq, due_at) AS (
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'approving' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'net_cancelling' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'settling' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'cancelling' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'unconfirmed' AND due_at <= :now
        ORDER BY due_at DESC LIMIT :limit)
)
SELECT payment.* FROM payment JOIN due USING (seq) ORDER BY due.due_at DESC, seq DESC LIMIT :limit
