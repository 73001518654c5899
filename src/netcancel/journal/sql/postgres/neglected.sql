-- What is open in another world, and fell due so long ago that no worker there can be at work.
SELECT count(*) AS payments FROM netcancel.payment
WHERE due_at <= :due_before
    AND state IN ('approving', 'net_cancelling', 'settling', 'cancelling', 'unconfirmed')
    AND world <> ALL (ARRAY (SELECT jsonb_array_elements_text(:worlds::jsonb)))
