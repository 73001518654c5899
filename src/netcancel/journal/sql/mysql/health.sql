-- What is in force for this session, and on the server.
SELECT VERSION() AS version, @@GLOBAL.innodb_flush_log_at_trx_commit AS flushes,
    @@GLOBAL.log_bin AS has_log, @@GLOBAL.sync_binlog AS syncs_log,
    (SELECT CONVERT(value USING utf8mb4) FROM netcancel_meta WHERE name = 'schema') AS `schema`
