-- A late proof may have been noted since the payment was seen: an answer is never overwritten by none.
UPDATE payment SET
    state = :state, version_count = :version_count, version_writer = :version_writer,
    answer = coalesce(:new_answer, answer), loss = :loss, code = :code, message = :message,
    detail = :detail, never_sent = :never_sent, cancel_reason = :cancel_reason,
    cancel_trx_no = :cancel_trx_no, cancel_body = :cancel_body, resolution = :resolution,
    attempts = :attempts, is_held = :is_held,
    due_at = :due_at, owed_since = :owed_since, alarmed = :alarmed, updated_at = :updated_at,
    event = :event, note = :note,
    refused = CASE WHEN :begins_debt THEN NULL ELSE coalesce(:refused, refused) END
WHERE id = :id AND state = :seen_state
    AND version_count = :seen_count AND version_writer = :seen_writer
