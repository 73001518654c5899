SELECT * FROM netcancel_payment
WHERE tid = :tid AND van_trx_no = :van_trx_no ORDER BY seq DESC LIMIT 1
