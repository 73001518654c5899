-- What is open in another world, and fell due so long ago that no worker there can be at work.
SELECT count(*) AS payments FROM payment INDEXED BY payment_due
WHERE due_at <= :due_before
    AND state IN ('approving', 'net_cancelling', 'settling', 'cancelling', 'unconfirmed')
    AND world NOT IN (SELECT value FROM json_each(:worlds))
