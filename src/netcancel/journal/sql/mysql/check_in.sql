INSERT INTO netcancel_worker (id, host, started_at, seen_at) VALUES (:worker, :host, :now, :now)
ON DUPLICATE KEY UPDATE seen_at = VALUES(seen_at)
