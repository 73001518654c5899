-- Counted by the index alone, and only then asked for the world: there may be millions.
SELECT state, world IN (
        SELECT CAST(chosen.world AS BINARY) FROM JSON_TABLE(
            :worlds, '$[*]' COLUMNS (world VARCHAR(1024) CHARACTER SET utf8mb4 PATH '$')) AS chosen
    ) AS is_ours, CAST(sum(counted) AS SIGNED) AS payments
FROM (
    SELECT world, state, count(*) AS counted FROM netcancel_payment FORCE INDEX (payment_due)
    GROUP BY world, state) AS found
GROUP BY state, is_ours
