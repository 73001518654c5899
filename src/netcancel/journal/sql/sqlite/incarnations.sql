SELECT id, count FROM incarnation ORDER BY number
