-- Schema 5: what is at rest can be counted without reading every payment.

CREATE INDEX payment_at_rest ON payment (state, world) WHERE due_at IS NULL;
