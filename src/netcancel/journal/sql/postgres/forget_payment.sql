DELETE FROM netcancel.payment WHERE id = :id
    AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
