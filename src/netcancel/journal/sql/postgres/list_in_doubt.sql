SELECT * FROM netcancel.payment
WHERE due_at IS NOT NULL
    AND (state IN ('net_cancelling', 'cancelling') OR (state = 'approving' AND due_at <= :now))
    AND state = ANY (ARRAY (SELECT jsonb_array_elements_text(:states::jsonb)))
ORDER BY seq DESC LIMIT :limit
