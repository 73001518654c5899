UPDATE netcancel_incarnation SET count = count + 1 WHERE id = :id
