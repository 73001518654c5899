SELECT 1 AS is_there FROM netcancel.payment LIMIT 1
