-- Its payment is locked: nobody else counts the lines.
INSERT INTO netcancel_history (
    payment, version_count, line, at, version_writer, source, event, target, note)
SELECT payment.seq, payment.version_count, count(history.line), :now, payment.version_writer,
    payment.state, :event, payment.state, :note
FROM netcancel_payment AS payment LEFT JOIN netcancel_history AS history
    ON history.payment = payment.seq AND history.version_count = payment.version_count
WHERE payment.id = :id
GROUP BY payment.seq, payment.version_count, payment.version_writer, payment.state
