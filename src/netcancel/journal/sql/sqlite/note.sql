INSERT INTO history
SELECT seq, version_count,
    (SELECT count(*) FROM history
        WHERE history.payment = payment.seq AND history.version_count = payment.version_count),
    :now, version_writer, state, :event, state, :note
FROM payment WHERE id = :id
