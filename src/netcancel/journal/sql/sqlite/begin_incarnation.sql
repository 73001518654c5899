INSERT INTO incarnation (id, count, began_at) VALUES (:id, 0, :now)
