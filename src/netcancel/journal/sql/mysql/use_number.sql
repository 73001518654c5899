-- Only a payment that is as it was written to the archive, down to its last line.
INSERT INTO netcancel_used_number (tid, merc_trx_no, state, closed_at, archived_at)
SELECT tid, merc_trx_no, state, updated_at, :now FROM netcancel_payment AS payment
WHERE id = :id AND version_count = :version_count AND version_writer = :version_writer
    AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
    AND sealed_key IS NULL AND sealed_body IS NULL
    AND :lines = (
        SELECT count(*) FROM netcancel_history AS history WHERE history.payment = payment.seq)
