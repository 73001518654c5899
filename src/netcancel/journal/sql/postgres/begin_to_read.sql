-- READ WRITE, so that a standby refuses: what it knows may be old.
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
SET LOCAL client_min_messages = 'warning';
SET LOCAL lock_timeout = '1s';
SET LOCAL statement_timeout = '60s';
SET LOCAL idle_in_transaction_session_timeout = '10s';
SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
    current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync
