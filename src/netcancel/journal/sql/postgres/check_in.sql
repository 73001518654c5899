INSERT INTO netcancel.worker (id, host, started_at, seen_at) VALUES (:worker, :host, :now, :now)
ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at
