DELETE FROM netcancel_history WHERE payment = (SELECT seq FROM netcancel_payment WHERE id = :id)
