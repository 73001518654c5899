SELECT * FROM netcancel_payment
WHERE due_at IS NOT NULL
    AND (state IN ('net_cancelling', 'cancelling') OR (state = 'approving' AND due_at <= :now))
    AND state IN (
        SELECT chosen.state FROM JSON_TABLE(
            :states, '$[*]' COLUMNS (state VARCHAR(32) CHARACTER SET utf8mb4 PATH '$')) AS chosen)
ORDER BY seq DESC LIMIT :limit
