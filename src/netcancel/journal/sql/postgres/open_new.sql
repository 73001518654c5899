-- One row of VALUES for each intent.
INSERT INTO netcancel.payment (
    id, world, tid, svc_id, bizr_no, merc_trx_no, alot_month, state, version_count, version_writer,
    trx_amt, vat_amt, svc_amt, tran_dt, tran_tm, detail, never_sent, attempts, is_held, due_at,
    settle_at, alarmed, created_at, updated_at, event, note, same_data, sealed_key, sealed_body)
VALUES (
    :id, :world, :tid, :svc_id, :bizr_no, :merc_trx_no, :alot_month, :state, :version_count,
    :version_writer, :trx_amt, :vat_amt, :svc_amt, :tran_dt, :tran_tm, :detail, :never_sent,
    :attempts, :is_held, :due_at, :settle_at, :alarmed, :created_at, :updated_at, :event, :note,
    :same_data, :sealed_key, :sealed_body)
ON CONFLICT (tid, merc_trx_no) DO NOTHING
