DELETE FROM netcancel.history WHERE payment = (SELECT seq FROM netcancel.payment WHERE id = :id)
