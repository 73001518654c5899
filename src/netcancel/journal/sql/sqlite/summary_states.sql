SELECT state, world IN (SELECT value FROM json_each(:worlds)) AS is_ours, count(*) AS payments FROM payment GROUP BY 1, 2
