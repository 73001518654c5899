-- Schema 4: closed payments may leave for a file; their numbers stay used for ever.
-- A code of schema 3 is told of such a number as of a journal that it can't write: it may go on.

-- Numbers of payments that have left. Nothing leads back.
CREATE TABLE netcancel.used_number (
    tid         TEXT COLLATE "C" NOT NULL,
    merc_trx_no TEXT COLLATE "C" NOT NULL,
    state       TEXT COLLATE "C" NOT NULL,  -- in which it was closed
    closed_at   BIGINT           NOT NULL,
    archived_at BIGINT           NOT NULL,
    PRIMARY KEY (tid, merc_trx_no)
);

-- What may leave, the longest closed first: final, and its token shredded.
CREATE INDEX payment_closed ON netcancel.payment (updated_at, id)
    WHERE sealed_key IS NULL AND sealed_body IS NULL AND due_at IS NULL AND state <> 'escalated';

-- Not written, as a number that is there: whoever writes counts, and looks why. A payment that is
-- just leaving is waited for; the look after that sees that it has left.
CREATE FUNCTION netcancel.only_with_a_new_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM netcancel.payment
        WHERE tid = NEW.tid AND merc_trx_no = NEW.merc_trx_no FOR KEY SHARE;
    PERFORM 1 FROM netcancel.used_number
        WHERE tid = NEW.tid AND merc_trx_no = NEW.merc_trx_no;
    RETURN CASE WHEN NOT FOUND THEN NEW END;
END $$;

CREATE TRIGGER a_used_number_is_never_used_again BEFORE INSERT ON netcancel.payment
    FOR EACH ROW EXECUTE FUNCTION netcancel.only_with_a_new_number();

CREATE FUNCTION netcancel.only_for_a_closed_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM netcancel.payment
        WHERE tid = NEW.tid AND merc_trx_no = NEW.merc_trx_no
            AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
            AND sealed_key IS NULL AND sealed_body IS NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'only a closed payment whose token is shredded may leave'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER a_number_is_kept_for_a_closed_payment BEFORE INSERT ON netcancel.used_number
    FOR EACH ROW EXECUTE FUNCTION netcancel.only_for_a_closed_payment();

CREATE FUNCTION netcancel.leave_a_number() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM netcancel.used_number
        WHERE tid = OLD.tid AND merc_trx_no = OLD.merc_trx_no;
    IF NOT FOUND OR OLD.sealed_key IS NOT NULL OR OLD.sealed_body IS NOT NULL
        OR OLD.state NOT IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
    THEN
        RAISE EXCEPTION 'a payment is deleted only closed, shredded and its number kept as used'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;

DROP TRIGGER a_used_number_stays ON netcancel.payment;
CREATE TRIGGER a_payment_leaves_its_number BEFORE DELETE ON netcancel.payment
    FOR EACH ROW EXECUTE FUNCTION netcancel.leave_a_number();
CREATE TRIGGER no_payment_is_truncated BEFORE TRUNCATE ON netcancel.payment
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse(
        'a payment is deleted only closed, shredded and its number kept as used');

CREATE FUNCTION netcancel.leave_with_its_payment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM netcancel.payment JOIN netcancel.used_number USING (tid, merc_trx_no)
        WHERE payment.seq = OLD.payment;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the history is deleted only with a payment that is archived'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;

DROP TRIGGER history_is_not_deleted ON netcancel.history;
CREATE TRIGGER history_leaves_with_its_payment BEFORE DELETE ON netcancel.history
    FOR EACH ROW EXECUTE FUNCTION netcancel.leave_with_its_payment();
CREATE TRIGGER no_history_is_truncated BEFORE TRUNCATE ON netcancel.history
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse(
        'the history is deleted only with a payment that is archived');

CREATE TRIGGER a_used_number_is_not_changed BEFORE UPDATE ON netcancel.used_number
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse('a used number is never changed');

CREATE TRIGGER a_used_number_is_not_forgotten BEFORE DELETE OR TRUNCATE ON netcancel.used_number
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse('a used number is never forgotten');
