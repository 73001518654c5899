SELECT id, answer FROM payment WHERE answer IS NOT NULL AND id IN (VALUES (:id))
