SELECT * FROM netcancel.payment
WHERE state = ANY (ARRAY (SELECT jsonb_array_elements_text(:states::jsonb)))
ORDER BY seq DESC LIMIT :limit
