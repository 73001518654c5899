SELECT * FROM netcancel_payment WHERE id = :id
