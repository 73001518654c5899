INSERT INTO netcancel_incarnation (id, count, began_at) VALUES (:id, :count, :now)
