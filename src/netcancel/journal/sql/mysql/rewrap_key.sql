-- Only what was read is replaced: it may have been shredded meanwhile.
UPDATE netcancel_payment SET sealed_key = :rewrapped WHERE seq = :seq AND sealed_key = :sealed_key
