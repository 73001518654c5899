SELECT count(*) AS payments FROM netcancel_payment
WHERE world = :world AND due_at IS NOT NULL
    AND state IN ('approving', 'net_cancelling', 'settling', 'cancelling', 'unconfirmed')
