DELETE FROM netcancel.kept_answer WHERE payment IN (
    SELECT seq FROM netcancel.payment WHERE sealed_key IS NULL AND sealed_body IS NOT NULL)
