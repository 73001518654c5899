SELECT id, count FROM netcancel_incarnation ORDER BY number
