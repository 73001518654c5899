INSERT INTO incarnation (id, count, began_at) VALUES (:id, :count, :now)
