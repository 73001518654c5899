SELECT state, closed_at, archived_at FROM netcancel_used_number WHERE tid = :tid AND merc_trx_no = :merc_trx_no
