SELECT id, answer FROM netcancel.payment WHERE answer IS NOT NULL AND id IN (VALUES (:id))
