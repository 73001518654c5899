-- What is owed or held in a state that this code doesn't know.
SELECT count(*) AS payments FROM netcancel.payment
WHERE due_at IS NOT NULL
    AND state <> ALL (ARRAY (SELECT jsonb_array_elements_text(:states::jsonb)))
