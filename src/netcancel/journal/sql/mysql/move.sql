-- One SELECT for each move; all are judged by what is so when their rows are locked.
-- A late proof may have been noted since the payment was seen: an answer is never overwritten by none.
UPDATE netcancel_payment AS payment JOIN (
    SELECT :id AS id, :seen_state AS seen_state, :seen_count AS seen_count,
        :seen_writer AS seen_writer, :state AS state, :version_count AS version_count,
        :version_writer AS version_writer, :new_answer AS answer, :van_trx_no AS van_trx_no,
        :loss AS loss, :code AS code, :message AS message, :detail AS detail,
        :never_sent AS never_sent, :cancel_reason AS cancel_reason,
        :cancel_trx_no AS cancel_trx_no, :cancel_body AS cancel_body, :resolution AS resolution,
        :attempts AS attempts, :is_held AS is_held, :due_at AS due_at, :owed_since AS owed_since,
        :alarmed AS alarmed, :updated_at AS updated_at, :event AS event, :note AS note,
        :begins_debt AS begins_debt, :refused AS refused
) AS new ON payment.id = new.id AND payment.state = new.seen_state
    AND payment.version_count = new.seen_count AND payment.version_writer = new.seen_writer
SET
    payment.came_from = new.seen_state, payment.state = new.state,
    payment.version_count = new.version_count, payment.version_writer = new.version_writer,
    payment.answer = coalesce(new.answer, payment.answer),
    payment.van_trx_no = coalesce(new.van_trx_no, payment.van_trx_no),
    payment.loss = new.loss, payment.code = new.code, payment.message = new.message,
    payment.detail = new.detail, payment.never_sent = new.never_sent,
    payment.cancel_reason = coalesce(new.cancel_reason, payment.cancel_reason),
    payment.cancel_trx_no = new.cancel_trx_no, payment.cancel_body = new.cancel_body,
    payment.resolution = new.resolution, payment.attempts = new.attempts,
    payment.is_held = new.is_held, payment.due_at = new.due_at,
    payment.owed_since = new.owed_since, payment.alarmed = new.alarmed,
    payment.updated_at = new.updated_at, payment.event = new.event, payment.note = new.note,
    payment.refused = CASE WHEN new.begins_debt = 1 THEN NULL
        ELSE coalesce(new.refused, payment.refused) END
