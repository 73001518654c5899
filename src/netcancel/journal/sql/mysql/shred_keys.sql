UPDATE netcancel_payment AS payment JOIN (
    SELECT seq FROM netcancel_payment
    WHERE sealed_key IS NOT NULL AND due_at IS NULL AND state <> 'escalated'
        AND updated_at <= :closed_before
    ORDER BY updated_at LIMIT :limit
) AS closed ON payment.seq = closed.seq
SET payment.sealed_key = NULL
WHERE payment.due_at IS NULL AND payment.state <> 'escalated'
    AND payment.updated_at <= :closed_before
