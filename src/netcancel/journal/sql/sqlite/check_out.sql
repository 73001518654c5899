DELETE FROM worker WHERE id = :worker
