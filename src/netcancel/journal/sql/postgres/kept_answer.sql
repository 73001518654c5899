SELECT payment.*, kept_answer.sealed AS sealed_answer
FROM netcancel.payment JOIN netcancel.kept_answer ON kept_answer.payment = payment.seq
WHERE payment.id = :id AND kept_answer.asked = :asked
