SELECT * FROM netcancel_payment
WHERE state IN (
    SELECT chosen.state FROM JSON_TABLE(
        :states, '$[*]' COLUMNS (state VARCHAR(32) CHARACTER SET utf8mb4 PATH '$')) AS chosen)
ORDER BY seq DESC LIMIT :limit
