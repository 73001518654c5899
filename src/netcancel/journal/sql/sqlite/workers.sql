SELECT id, host, started_at, seen_at FROM worker ORDER BY started_at, id
