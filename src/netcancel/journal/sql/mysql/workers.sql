SELECT id, host, started_at, seen_at FROM netcancel_worker ORDER BY started_at, id
