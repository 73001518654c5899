-- What is in force for this session, and on the server.
SELECT current_setting('server_version') AS version,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('fsync') AS fsync,
    current_setting('full_page_writes') AS full_page_writes,
    current_setting('server_encoding') AS encoding,
    current_setting('synchronous_standby_names') AS standbys,
    (SELECT convert_from(value, 'UTF8') FROM netcancel.meta WHERE name = 'schema') AS schema
