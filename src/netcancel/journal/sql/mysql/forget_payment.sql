DELETE FROM netcancel_payment WHERE id = :id
    AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
