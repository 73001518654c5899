-- One SELECT for each intent. Not written is one whose number is there, or was used by a payment
-- that has left, or whose vault key is not in use any more: who writes counts, and looks why. Both
-- looks wait for whoever changes that just now.
INSERT INTO netcancel_payment (
    id, world, tid, svc_id, bizr_no, merc_trx_no, alot_month, state, version_count,
    version_writer, trx_amt, vat_amt, svc_amt, tran_dt, tran_tm, detail, never_sent, attempts,
    is_held, due_at, settle_at, alarmed, created_at, updated_at, event, note, same_data,
    sealed_key, sealed_body)
SELECT
    new.id, new.world, new.tid, new.svc_id, new.bizr_no, new.merc_trx_no, new.alot_month,
    new.state, new.version_count, new.version_writer, new.trx_amt, new.vat_amt, new.svc_amt,
    new.tran_dt, new.tran_tm, new.detail, new.never_sent, new.attempts, new.is_held, new.due_at,
    new.settle_at, new.alarmed, new.created_at, new.updated_at, new.event, new.note,
    new.same_data, new.sealed_key, new.sealed_body
FROM (SELECT 1) AS one JOIN (
    SELECT :id AS id, :world AS world, :tid AS tid, :svc_id AS svc_id, :bizr_no AS bizr_no,
    :merc_trx_no AS merc_trx_no, :alot_month AS alot_month, :state AS state, :version_count AS
    version_count, :version_writer AS version_writer, :trx_amt AS trx_amt, :vat_amt AS vat_amt,
    :svc_amt AS svc_amt, :tran_dt AS tran_dt, :tran_tm AS tran_tm, :detail AS detail,
    :never_sent AS never_sent, :attempts AS attempts, :is_held AS is_held, :due_at AS due_at,
    :settle_at AS settle_at, :alarmed AS alarmed, :created_at AS created_at, :updated_at AS
    updated_at, :event AS event, :note AS note, :same_data AS same_data, :sealed_key AS
    sealed_key, :sealed_body AS sealed_body
) AS new ON TRUE
WHERE EXISTS (
        SELECT 1 FROM netcancel_vault_key AS vault_key
        WHERE vault_key.id = SUBSTR(new.sealed_key, 2, 8) LOCK IN SHARE MODE)
    AND NOT EXISTS (
        SELECT 1 FROM netcancel_used_number AS used
        WHERE used.tid = new.tid AND used.merc_trx_no = new.merc_trx_no LOCK IN SHARE MODE)
ON DUPLICATE KEY UPDATE netcancel_payment.seq = netcancel_payment.seq
