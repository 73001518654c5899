-- What is open in another world, and fell due so long ago that no worker there can be at work. The
-- worlds, which are few, come from a walk that skips through the index; each is then looked into.
SELECT count(*) AS payments
FROM (SELECT DISTINCT world FROM netcancel_payment) AS found
STRAIGHT_JOIN netcancel_payment AS payment ON payment.world = found.world
WHERE payment.due_at <= :due_before
    AND payment.state IN ('approving', 'net_cancelling', 'settling', 'cancelling', 'unconfirmed')
    AND found.world NOT IN (
        SELECT CAST(chosen.world AS BINARY) FROM JSON_TABLE(
            :worlds, '$[*]' COLUMNS (world VARCHAR(1024) CHARACTER SET utf8mb4 PATH '$')) AS chosen)
