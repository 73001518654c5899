SELECT state, world = :world AS is_ours, count(*) AS payments FROM payment GROUP BY 1, 2
