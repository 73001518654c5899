-- By two indexes, and nothing else: there may be millions.
SELECT state, world = ANY (ARRAY (SELECT jsonb_array_elements_text(:worlds::jsonb))) AS is_ours,
    sum(counted)::bigint AS payments
FROM (
    SELECT state, world, count(*) AS counted FROM netcancel.payment
    WHERE due_at IS NOT NULL GROUP BY world, state
    UNION ALL
    SELECT state, world, count(*) AS counted FROM netcancel.payment
    WHERE due_at IS NULL GROUP BY state, world) AS found
GROUP BY 1, 2
