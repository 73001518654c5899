-- One SELECT for each intent: the numbers of payments that have left.
SELECT used.state FROM netcancel_used_number AS used JOIN (
    SELECT :tid AS tid, :merc_trx_no AS merc_trx_no
) AS new ON used.tid = new.tid AND used.merc_trx_no = new.merc_trx_no
LOCK IN SHARE MODE
