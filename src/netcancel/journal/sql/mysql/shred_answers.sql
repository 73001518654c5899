DELETE kept FROM netcancel_kept_answer AS kept
JOIN netcancel_payment AS payment ON payment.seq = kept.payment
WHERE payment.is_half_shredded = 1
