-- What a confirmation writes has been in the journal before: it needs no strictness of the caller's.
SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) AS SIGNED) AS now,
    @@GLOBAL.innodb_flush_log_at_trx_commit AS flushes, @@GLOBAL.log_bin AS has_log,
    @@GLOBAL.sync_binlog AS syncs_log, @@GLOBAL.read_only AS is_replica,
    'STRICT_ALL_TABLES' AS sql_mode,
    EXISTS (SELECT 1 FROM information_schema.tables
        WHERE table_schema = DATABASE() AND table_name = 'netcancel_meta') AS is_made
