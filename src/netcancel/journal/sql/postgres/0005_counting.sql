-- Schema 5: what is at rest can be counted without reading every payment, and the moves of one
-- statement are told by one more, not by one for each row.

CREATE INDEX payment_at_rest ON netcancel.payment (state, world) WHERE due_at IS NULL;

CREATE FUNCTION netcancel.tell_moves() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO netcancel.history
    SELECT seq, after.version_count, 0, after.updated_at, after.version_writer,
        before.state, after.event, after.state, after.note
    FROM after JOIN before USING (seq)
    WHERE after.version_count <> before.version_count;
    RETURN NULL;
END $$;

DROP TRIGGER a_move_is_told ON netcancel.payment;
DROP FUNCTION netcancel.tell_move();
CREATE TRIGGER moves_are_told AFTER UPDATE ON netcancel.payment
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.tell_moves();
