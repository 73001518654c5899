-- The journal of payments, schema 1.
-- Times are whole microseconds since the epoch. Texts compare byte by byte: numbers that differ in
-- case only are different numbers.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE payment (
    seq            INTEGER PRIMARY KEY,
    id             TEXT    NOT NULL UNIQUE,
    world          TEXT    NOT NULL,
    tid            TEXT    NOT NULL,
    svc_id         TEXT    NOT NULL,
    bizr_no        TEXT    NOT NULL,
    merc_trx_no    TEXT    NOT NULL,
    state          TEXT    NOT NULL,
    version_count  INTEGER NOT NULL,
    version_writer TEXT    NOT NULL,
    alot_month     TEXT    NOT NULL,
    trx_amt        INTEGER NOT NULL,
    vat_amt        INTEGER NOT NULL,
    svc_amt        INTEGER NOT NULL,
    tran_dt        TEXT    NOT NULL,
    tran_tm        TEXT    NOT NULL,
    answer         TEXT,                 -- the proven approval, JSON
    van_trx_no     TEXT,                 -- its VAN number: a shop's cancel may name the payment so
    loss           TEXT,
    code           TEXT,
    message        TEXT,
    detail         TEXT    NOT NULL,
    never_sent     INTEGER NOT NULL,
    cancel_reason  TEXT,
    cancel_trx_no  TEXT,                 -- the last cancel's own number
    cancel_body    TEXT,                 -- the last cancel as it was frozen; it holds no token
    resolution     TEXT,
    attempts       INTEGER NOT NULL,
    is_held        INTEGER NOT NULL,
    due_at         INTEGER,
    owed_since     INTEGER,
    settle_at      INTEGER NOT NULL,
    alarmed        INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    updated_at     INTEGER NOT NULL,
    event          TEXT    NOT NULL,     -- the last move; the triggers copy it into the history
    note           TEXT    NOT NULL,
    refused        TEXT,                 -- the code that refused the last void of this debt
    same_data      BLOB    NOT NULL,     -- keyed digest of what makes a second call the same order
    sealed_key     BLOB,                 -- the row's data key, wrapped by the master key
    sealed_body    BLOB,                 -- the frozen net-cancel body, under the data key

    CONSTRAINT a_number_is_used_once UNIQUE (tid, merc_trx_no),
    -- What must be true in each state. CASE, because an IN list is built anew for every write.
    CONSTRAINT what_a_state_says_is_so CHECK (CASE state
        WHEN 'approving'      THEN due_at IS NOT NULL AND is_held = 1
        WHEN 'approved'       THEN due_at IS NULL AND answer IS NOT NULL
        WHEN 'declined'       THEN due_at IS NULL AND code IS NOT NULL
        WHEN 'unconfirmed'    THEN due_at IS NOT NULL AND answer IS NOT NULL
        WHEN 'net_cancelling' THEN due_at IS NOT NULL AND owed_since IS NOT NULL
        WHEN 'settling'       THEN due_at IS NOT NULL AND owed_since IS NOT NULL
        WHEN 'net_cancelled'  THEN due_at IS NULL
        WHEN 'cancelling'     THEN due_at IS NOT NULL AND owed_since IS NOT NULL
                                   AND answer IS NOT NULL AND cancel_reason IS NOT NULL
        WHEN 'cancelled'      THEN due_at IS NULL AND cancel_body IS NOT NULL
        WHEN 'escalated'      THEN due_at IS NULL
        WHEN 'resolved'       THEN due_at IS NULL AND resolution IS NOT NULL
        ELSE 0 END),
    CONSTRAINT what_is_held_is_due CHECK (is_held = 0 OR due_at IS NOT NULL),
    CONSTRAINT amounts_fit CHECK (
        trx_amt BETWEEN 1 AND 9999999999
        AND vat_amt BETWEEN 0 AND trx_amt AND svc_amt BETWEEN 0 AND trx_amt),
    CONSTRAINT counts_fit CHECK (version_count >= 1 AND attempts >= 0),
    CONSTRAINT flags_fit CHECK (
        never_sent IN (0, 1) AND is_held IN (0, 1) AND alarmed IN (0, 1)),
    CONSTRAINT it_settles_after_it_began CHECK (settle_at >= created_at)
) STRICT;

-- What is owed, by when: for claims and for counting what is in doubt.
CREATE INDEX payment_due ON payment (world, state, due_at) WHERE due_at IS NOT NULL;

-- What may be shredded, by when it was closed: a payment is final where nothing is due and no
-- person has to decide.
CREATE INDEX payment_sealed ON payment (updated_at)
    WHERE sealed_key IS NOT NULL AND due_at IS NULL AND state <> 'escalated';

-- What a shredding left half done, because the machine died between its two commits.
CREATE INDEX payment_half_shredded ON payment (seq)
    WHERE sealed_key IS NULL AND sealed_body IS NOT NULL;

CREATE INDEX payment_of_van_number ON payment (tid, van_trx_no) WHERE van_trx_no IS NOT NULL;

-- Answers as the gateway sent them, sealed under the payment's own key: shredded with it.
CREATE TABLE kept_answer (
    payment INTEGER NOT NULL REFERENCES payment (seq),
    asked   TEXT    NOT NULL,
    sealed  BLOB    NOT NULL,
    PRIMARY KEY (payment, asked),
    CONSTRAINT it_answers_a_request CHECK (asked IN ('approval', 'cancel'))
) STRICT, WITHOUT ROWID;

-- One line for each write; `line` counts the notes after a move.
CREATE TABLE history (
    payment       INTEGER NOT NULL REFERENCES payment (seq),
    version_count INTEGER NOT NULL,
    line          INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    version_writer TEXT   NOT NULL,
    source        TEXT,
    event         TEXT    NOT NULL,
    target        TEXT    NOT NULL,
    note          TEXT    NOT NULL,
    PRIMARY KEY (payment, version_count, line)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER an_intent_is_told AFTER INSERT ON payment
BEGIN
    INSERT INTO history VALUES (
        NEW.seq, NEW.version_count, 0, NEW.updated_at, NEW.version_writer,
        NULL, NEW.event, NEW.state, NEW.note);
END;

CREATE TRIGGER a_move_is_told AFTER UPDATE OF version_count ON payment
BEGIN
    INSERT INTO history VALUES (
        NEW.seq, NEW.version_count, 0, NEW.updated_at, NEW.version_writer,
        OLD.state, NEW.event, NEW.state, NEW.note);
END;

CREATE TRIGGER what_was_agreed_is_fixed
BEFORE UPDATE OF seq, id, world, tid, svc_id, bizr_no, merc_trx_no, alot_month, trx_amt, vat_amt, svc_amt, tran_dt, tran_tm,
    settle_at, created_at, same_data ON payment
BEGIN
    SELECT RAISE(ABORT, 'a payment''s identity and amounts are never changed');
END;

CREATE TRIGGER a_used_number_stays BEFORE DELETE ON payment
BEGIN
    SELECT RAISE(ABORT, 'a payment is never deleted: its number must never be used again');
END;

CREATE TRIGGER history_is_not_changed BEFORE UPDATE ON history
BEGIN
    SELECT RAISE(ABORT, 'the history is never changed');
END;

CREATE TRIGGER history_is_not_deleted BEFORE DELETE ON history
BEGIN
    SELECT RAISE(ABORT, 'the history is never deleted');
END;
