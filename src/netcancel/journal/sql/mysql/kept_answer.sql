SELECT payment.*, kept.sealed AS sealed_answer
FROM netcancel_payment AS payment JOIN netcancel_kept_answer AS kept ON kept.payment = payment.seq
WHERE payment.id = :id AND kept.asked = :asked
