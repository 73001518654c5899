SELECT state, world IN (
        SELECT CAST(chosen.world AS BINARY) FROM JSON_TABLE(
            :worlds, '$[*]' COLUMNS (world VARCHAR(1024) CHARACTER SET utf8mb4 PATH '$')) AS chosen
    ) AS is_ours, count(*) AS payments
FROM netcancel_payment GROUP BY state, is_ours
