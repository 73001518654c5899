SELECT * FROM netcancel_payment
WHERE sealed_key IS NULL AND sealed_body IS NULL AND due_at IS NULL AND state <> 'escalated'
    AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
    AND updated_at <= :closed_before AND (updated_at, id) > (:after_at, :after_id)
ORDER BY updated_at, id LIMIT :limit
