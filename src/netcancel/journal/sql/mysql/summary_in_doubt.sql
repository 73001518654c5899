SELECT count(*) AS payments, coalesce(:now - min(coalesce(owed_since, due_at)), 0) AS oldest
FROM netcancel_payment
WHERE due_at IS NOT NULL
    AND (state IN ('net_cancelling', 'cancelling') OR (state = 'approving' AND due_at <= :now))
