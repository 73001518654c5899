SELECT 1 AS is_there FROM payment LIMIT 1
