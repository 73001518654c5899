-- Judged again when the rows are locked: one may have been opened again since.
UPDATE netcancel_payment AS payment JOIN (
    SELECT seq FROM netcancel_payment
    WHERE is_closed_and_sealed = 1 AND updated_at <= :closed_before
    ORDER BY updated_at LIMIT :limit
) AS closed ON payment.seq = closed.seq
SET payment.sealed_key = NULL
WHERE payment.is_closed_and_sealed = 1 AND payment.updated_at <= :closed_before
