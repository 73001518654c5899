DELETE FROM netcancel_worker WHERE id = :worker
