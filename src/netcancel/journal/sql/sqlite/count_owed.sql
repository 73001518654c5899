SELECT count(*) AS payments FROM payment INDEXED BY payment_due
WHERE world = :world AND due_at IS NOT NULL
    AND state IN ('approving', 'net_cancelling', 'settling', 'cancelling', 'unconfirmed')
