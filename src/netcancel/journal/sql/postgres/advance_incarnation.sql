UPDATE netcancel.incarnation SET count = count + 1 WHERE id = :id
