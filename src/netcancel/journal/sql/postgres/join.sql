SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now,
    current_setting('synchronous_commit') AS synchronous_commit, current_setting('fsync') AS fsync,
    to_regclass('netcancel.meta') IS NOT NULL AS is_made
