-- Schema 4: closed payments may leave for a file; their numbers stay used for ever.
-- A code of schema 3 is told of such a number as of a journal that it can't write: it may go on.

-- Numbers of payments that have left. Nothing leads back.
CREATE TABLE used_number (
    tid         TEXT    NOT NULL,
    merc_trx_no TEXT    NOT NULL,
    state       TEXT    NOT NULL,        -- in which it was closed
    closed_at   INTEGER NOT NULL,
    archived_at INTEGER NOT NULL,
    PRIMARY KEY (tid, merc_trx_no)
) STRICT, WITHOUT ROWID;

-- What may leave, the longest closed first: final, and its token shredded.
CREATE INDEX payment_closed ON payment (updated_at, id)
    WHERE sealed_key IS NULL AND sealed_body IS NULL AND due_at IS NULL AND state <> 'escalated';

-- Not written, as a number that is there: whoever writes counts, and looks why.
CREATE TRIGGER a_used_number_is_never_used_again BEFORE INSERT ON payment
WHEN EXISTS (SELECT 1 FROM used_number WHERE tid = NEW.tid AND merc_trx_no = NEW.merc_trx_no)
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER a_number_is_kept_for_a_closed_payment BEFORE INSERT ON used_number
WHEN NOT EXISTS (
    SELECT 1 FROM payment
    WHERE tid = NEW.tid AND merc_trx_no = NEW.merc_trx_no
        AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
        AND sealed_key IS NULL AND sealed_body IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'only a closed payment whose token is shredded may leave');
END;

DROP TRIGGER a_used_number_stays;
CREATE TRIGGER a_payment_leaves_its_number BEFORE DELETE ON payment
WHEN OLD.state NOT IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
    OR OLD.sealed_key IS NOT NULL OR OLD.sealed_body IS NOT NULL
    OR NOT EXISTS (
        SELECT 1 FROM used_number WHERE tid = OLD.tid AND merc_trx_no = OLD.merc_trx_no)
BEGIN
    SELECT RAISE(ABORT, 'a payment is deleted only closed, shredded and its number kept as used');
END;

DROP TRIGGER history_is_not_deleted;
CREATE TRIGGER history_leaves_with_its_payment BEFORE DELETE ON history
WHEN NOT EXISTS (
    SELECT 1 FROM payment JOIN used_number USING (tid, merc_trx_no) WHERE payment.seq = OLD.payment)
BEGIN
    SELECT RAISE(ABORT, 'the history is deleted only with a payment that is archived');
END;

CREATE TRIGGER a_used_number_is_not_changed BEFORE UPDATE ON used_number
BEGIN
    SELECT RAISE(ABORT, 'a used number is never changed');
END;

CREATE TRIGGER a_used_number_is_not_forgotten BEFORE DELETE ON used_number
BEGIN
    SELECT RAISE(ABORT, 'a used number is never forgotten');
END;
