UPDATE netcancel.payment SET sealed_body = NULL WHERE seq IN (
    SELECT seq FROM netcancel.payment
    WHERE sealed_key IS NULL AND sealed_body IS NOT NULL FOR UPDATE SKIP LOCKED)
