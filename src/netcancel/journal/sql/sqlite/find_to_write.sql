-- SQLite lets in one writer at a time: there is nothing to lock.
SELECT * FROM payment WHERE tid = :tid AND merc_trx_no = :merc_trx_no
