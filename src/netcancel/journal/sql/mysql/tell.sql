-- One SELECT for each write: triggers that write would need special privileges.
INSERT INTO netcancel_history (
    payment, version_count, line, at, version_writer, source, event, target, note)
SELECT payment.seq, payment.version_count, 0, payment.updated_at, payment.version_writer,
    payment.came_from, payment.event, payment.state, payment.note
FROM netcancel_payment AS payment JOIN (
    SELECT :id AS id
) AS new ON payment.id = new.id
