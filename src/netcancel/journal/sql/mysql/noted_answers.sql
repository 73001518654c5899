SELECT payment.id, payment.answer FROM netcancel_payment AS payment JOIN (
    SELECT :id AS id
) AS new ON payment.id = new.id
WHERE payment.answer IS NOT NULL
