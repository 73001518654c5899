-- One SELECT for each intent: the numbers that are there. One that is just leaving is waited for.
SELECT payment.seq FROM netcancel_payment AS payment JOIN (
    SELECT :tid AS tid, :merc_trx_no AS merc_trx_no
) AS new ON payment.tid = new.tid AND payment.merc_trx_no = new.merc_trx_no
FOR UPDATE
