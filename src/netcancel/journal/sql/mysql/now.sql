SELECT CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) AS SIGNED) AS now,
    @@GLOBAL.innodb_flush_log_at_trx_commit AS flushes, @@GLOBAL.log_bin AS has_log,
    @@GLOBAL.sync_binlog AS syncs_log, @@GLOBAL.read_only AS is_replica,
    @@SESSION.sql_mode AS sql_mode
