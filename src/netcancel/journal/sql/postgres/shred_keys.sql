UPDATE netcancel.payment SET sealed_key = NULL WHERE seq IN (
    SELECT seq FROM netcancel.payment
    WHERE sealed_key IS NOT NULL AND due_at IS NULL AND state <> 'escalated'
        AND updated_at <= :closed_before
    ORDER BY updated_at LIMIT :limit FOR UPDATE SKIP LOCKED)
