SELECT * FROM netcancel.payment
WHERE tid = :tid AND left(van_trx_no, 64) = left(:van_trx_no, 64) AND van_trx_no = :van_trx_no
ORDER BY seq DESC LIMIT 1
