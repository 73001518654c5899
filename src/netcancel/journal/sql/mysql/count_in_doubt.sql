SELECT count(*) AS in_doubt FROM (
    SELECT 1 FROM netcancel_payment
    WHERE world = :world AND due_at IS NOT NULL AND (
        state IN ('net_cancelling', 'cancelling') OR (state = 'approving' AND due_at <= :now))
    LIMIT :limit) AS counted
