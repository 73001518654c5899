SELECT * FROM netcancel_payment WHERE tid = :tid AND merc_trx_no = :merc_trx_no FOR UPDATE
