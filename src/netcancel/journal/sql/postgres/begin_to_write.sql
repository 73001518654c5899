-- Whole in the transaction: behind a pooler, a session may serve others in between.
-- A standby refuses READ WRITE. A commit that gave up waiting for a standby says so by a warning.
-- Time-outs are less than the budget of a commit. Only a caller's own transaction holds a row for
-- long: one second is enough to tell, and keeps nobody else waiting. The last time-out is for a
-- client that stopped amid.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL client_min_messages = 'warning';
SET LOCAL lock_timeout = '1s';
SET LOCAL statement_timeout = '3s';
SET LOCAL idle_in_transaction_session_timeout = '10s';
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
    current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync
