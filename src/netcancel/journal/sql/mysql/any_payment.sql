SELECT 1 AS is_there FROM netcancel_payment LIMIT 1
