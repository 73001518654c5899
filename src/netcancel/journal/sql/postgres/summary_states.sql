SELECT state, world = ANY (ARRAY (SELECT jsonb_array_elements_text(:worlds::jsonb))) AS is_ours,
    count(*) AS payments
FROM netcancel.payment GROUP BY 1, 2
