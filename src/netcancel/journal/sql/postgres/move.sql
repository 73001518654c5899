-- One row of VALUES for each move: all are judged by what was there before the statement, and again
-- by what another session committed while it waited for a row.
-- A late proof may have been noted since the payment was seen: an answer is never overwritten by none.
UPDATE netcancel.payment SET
    state = new.state, version_count = new.version_count, version_writer = new.version_writer,
    answer = coalesce(new.answer, payment.answer),
    van_trx_no = coalesce(new.van_trx_no, payment.van_trx_no), loss = new.loss, code = new.code,
    message = new.message, detail = new.detail, never_sent = new.never_sent,
    cancel_reason = coalesce(new.cancel_reason, payment.cancel_reason), cancel_trx_no = new.cancel_trx_no,
    cancel_body = new.cancel_body, resolution = new.resolution,
    attempts = new.attempts, is_held = new.is_held, due_at = new.due_at,
    owed_since = new.owed_since, alarmed = new.alarmed, updated_at = new.updated_at,
    event = new.event, note = new.note,
    refused = CASE WHEN new.begins_debt = 1 THEN NULL ELSE coalesce(new.refused, payment.refused) END
FROM (VALUES (
    :id::text, :seen_state::text, :seen_count::bigint, :seen_writer::text, :state::text,
    :version_count::bigint, :version_writer::text, :new_answer::text, :van_trx_no::text,
    :loss::text, :code::text, :message::text, :detail::text, :never_sent::smallint,
    :cancel_reason::text, :cancel_trx_no::text, :cancel_body::text, :resolution::text,
    :attempts::bigint, :is_held::smallint, :due_at::bigint, :owed_since::bigint,
    :alarmed::smallint, :updated_at::bigint, :event::text, :note::text, :begins_debt::smallint,
    :refused::text)
) AS new (
    id, seen_state, seen_count, seen_writer, state, version_count, version_writer, answer,
    van_trx_no, loss, code, message, detail, never_sent, cancel_reason, cancel_trx_no, cancel_body,
    resolution, attempts, is_held, due_at, owed_since, alarmed, updated_at, event, note,
    begins_debt, refused)
WHERE payment.id = new.id AND payment.state = new.seen_state
    AND payment.version_count = new.seen_count AND payment.version_writer = new.seen_writer
