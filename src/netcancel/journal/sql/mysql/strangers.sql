-- What is owed or held in a state that this code doesn't know.
SELECT count(*) AS payments FROM netcancel_payment
WHERE due_at IS NOT NULL AND state NOT IN (
    SELECT chosen.state FROM JSON_TABLE(
        :states, '$[*]' COLUMNS (state VARCHAR(32) CHARACTER SET utf8mb4 PATH '$')) AS chosen)
