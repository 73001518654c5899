-- The present life; whoever writes locks it first. There always is one.
SELECT id, count FROM netcancel_incarnation ORDER BY number DESC LIMIT 1 FOR UPDATE
