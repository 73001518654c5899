UPDATE netcancel_payment SET sealed_body = NULL WHERE is_half_shredded = 1
