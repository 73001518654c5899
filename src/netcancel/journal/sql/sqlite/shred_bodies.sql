UPDATE payment SET sealed_body = NULL WHERE sealed_key IS NULL AND sealed_body IS NOT NULL
