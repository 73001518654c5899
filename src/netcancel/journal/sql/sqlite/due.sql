-- One ordered walk through the index for each state: an outage leaves very many rows due.
WITH due (seq, due_at) AS (
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'approving' AND due_at <= :now
        ORDER BY due_at LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'net_cancelling' AND due_at <= :now
        ORDER BY due_at LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'settling' AND due_at <= :now
        ORDER BY due_at LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'cancelling' AND due_at <= :now
        ORDER BY due_at LIMIT :limit)
    UNION ALL
    SELECT * FROM (
        SELECT seq, due_at FROM payment
        WHERE world = :world AND state = 'unconfirmed' AND due_at <= :now
        ORDER BY due_at LIMIT :limit)
)
SELECT payment.* FROM payment JOIN due USING (seq) ORDER BY due.due_at, seq LIMIT :limit
