SELECT * FROM netcancel.payment WHERE id = :id
