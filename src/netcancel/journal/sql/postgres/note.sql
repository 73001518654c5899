-- Its payment is locked: nobody else counts the lines.
INSERT INTO netcancel.history
SELECT seq, version_count,
    (SELECT count(*) FROM netcancel.history
        WHERE history.payment = payment.seq AND history.version_count = payment.version_count),
    :now, version_writer, state, :event, state, :note
FROM netcancel.payment WHERE id = :id
