UPDATE payment SET sealed_key = NULL WHERE seq IN (
    SELECT seq FROM payment
    WHERE sealed_key IS NOT NULL AND updated_at <= :closed_before
        AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
    ORDER BY updated_at LIMIT :limit)
