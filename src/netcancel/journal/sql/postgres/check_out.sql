DELETE FROM netcancel.worker WHERE id = :worker
