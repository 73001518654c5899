SELECT * FROM payment WHERE id = :id
