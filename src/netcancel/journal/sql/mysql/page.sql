SELECT * FROM netcancel_payment WHERE (tid, merc_trx_no) > (:tid, :merc_trx_no)
ORDER BY tid, merc_trx_no LIMIT :limit
