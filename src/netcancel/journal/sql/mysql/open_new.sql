-- One row of VALUES for each intent: a server may give out numbers of rows one statement at a time,
-- and an INSERT of what it selects would keep others waiting, each for the other. A used number
-- changes nothing, and so counts as none.
INSERT INTO netcancel_payment (
    id, world, tid, svc_id, bizr_no, merc_trx_no, alot_month, state, version_count, version_writer,
    trx_amt, vat_amt, svc_amt, tran_dt, tran_tm, detail, never_sent, attempts, is_held, due_at,
    settle_at, alarmed, created_at, updated_at, event, note, same_data, sealed_key, sealed_body)
VALUES (
    :id, :world, :tid, :svc_id, :bizr_no, :merc_trx_no, :alot_month, :state, :version_count,
    :version_writer, :trx_amt, :vat_amt, :svc_amt, :tran_dt, :tran_tm, :detail, :never_sent,
    :attempts, :is_held, :due_at, :settle_at, :alarmed, :created_at, :updated_at, :event, :note,
    :same_data, :sealed_key, :sealed_body)
ON DUPLICATE KEY UPDATE seq = seq
