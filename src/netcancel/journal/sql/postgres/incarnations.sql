SELECT id, count FROM netcancel.incarnation ORDER BY number
