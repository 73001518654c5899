-- The journal of payments, schema 1, for PostgreSQL 13 and later.
-- Times are whole microseconds since the epoch. Texts compare byte by byte: numbers that differ in
-- case only are different numbers.

CREATE SCHEMA IF NOT EXISTS netcancel;

CREATE TABLE netcancel.meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value BYTEA            NOT NULL
);

CREATE TABLE netcancel.payment (
    seq            BIGINT           NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id             TEXT COLLATE "C" NOT NULL UNIQUE,
    world          TEXT COLLATE "C" NOT NULL,
    tid            TEXT COLLATE "C" NOT NULL,
    svc_id         TEXT COLLATE "C" NOT NULL,
    bizr_no        TEXT COLLATE "C" NOT NULL,
    merc_trx_no    TEXT COLLATE "C" NOT NULL,
    state          TEXT COLLATE "C" NOT NULL,
    version_count  BIGINT           NOT NULL,
    version_writer TEXT COLLATE "C" NOT NULL,
    alot_month     TEXT COLLATE "C" NOT NULL,
    trx_amt        BIGINT           NOT NULL,
    vat_amt        BIGINT           NOT NULL,
    svc_amt        BIGINT           NOT NULL,
    tran_dt        TEXT COLLATE "C" NOT NULL,
    tran_tm        TEXT COLLATE "C" NOT NULL,
    answer         TEXT COLLATE "C",          -- the proven approval, JSON
    van_trx_no     TEXT COLLATE "C",          -- its VAN number: a shop's cancel may name the payment so
    loss           TEXT COLLATE "C",
    code           TEXT COLLATE "C",
    message        TEXT COLLATE "C",
    detail         TEXT COLLATE "C" NOT NULL,
    never_sent     SMALLINT         NOT NULL,
    cancel_reason  TEXT COLLATE "C",
    cancel_trx_no  TEXT COLLATE "C",          -- the last cancel's own number
    cancel_body    TEXT COLLATE "C",          -- the last cancel as it was frozen; it holds no token
    resolution     TEXT COLLATE "C",
    attempts       BIGINT           NOT NULL,
    is_held        SMALLINT         NOT NULL,
    due_at         BIGINT,
    owed_since     BIGINT,
    settle_at      BIGINT           NOT NULL,
    alarmed        SMALLINT         NOT NULL,
    created_at     BIGINT           NOT NULL,
    updated_at     BIGINT           NOT NULL,
    event          TEXT COLLATE "C" NOT NULL, -- the last move; the triggers copy it into the history
    note           TEXT COLLATE "C" NOT NULL,
    refused        TEXT COLLATE "C",          -- the code that refused the last void of this debt
    same_data      BYTEA            NOT NULL, -- keyed digest of what makes a second call the same order
    sealed_key     BYTEA,                     -- the row's data key, wrapped by the master key
    sealed_body    BYTEA,                     -- the frozen net-cancel body, under the data key

    CONSTRAINT a_number_is_used_once UNIQUE (tid, merc_trx_no),
    -- What must be true in each state.
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
        ELSE FALSE END),
    CONSTRAINT what_is_held_is_due CHECK (is_held = 0 OR due_at IS NOT NULL),
    CONSTRAINT amounts_fit CHECK (
        trx_amt BETWEEN 1 AND 9999999999
        AND vat_amt BETWEEN 0 AND trx_amt AND svc_amt BETWEEN 0 AND trx_amt),
    CONSTRAINT counts_fit CHECK (version_count >= 1 AND attempts >= 0),
    CONSTRAINT flags_fit CHECK (
        never_sent IN (0, 1) AND is_held IN (0, 1) AND alarmed IN (0, 1)),
    CONSTRAINT it_settles_after_it_began CHECK (settle_at >= created_at)
);

-- What is owed, by when: for claims and for counting what is in doubt.
CREATE INDEX payment_due ON netcancel.payment (world, state, due_at) WHERE due_at IS NOT NULL;

-- What may be shredded, by when it was closed: a payment is final where nothing is due and no
-- person has to decide.
CREATE INDEX payment_sealed ON netcancel.payment (updated_at)
    WHERE sealed_key IS NOT NULL AND due_at IS NULL AND state <> 'escalated';

-- What a shredding left half done, because the machine died between its two commits.
CREATE INDEX payment_half_shredded ON netcancel.payment (seq)
    WHERE sealed_key IS NULL AND sealed_body IS NOT NULL;

-- By its beginning: the gateway says how long it is, and an index has no room for any length.
CREATE INDEX payment_of_van_number ON netcancel.payment (tid, left(van_trx_no, 64))
    WHERE van_trx_no IS NOT NULL;

-- Answers as the gateway sent them, sealed under the payment's own key: shredded with it.
CREATE TABLE netcancel.kept_answer (
    payment BIGINT           NOT NULL REFERENCES netcancel.payment (seq),
    asked   TEXT COLLATE "C" NOT NULL,
    sealed  BYTEA            NOT NULL,
    PRIMARY KEY (payment, asked),
    CONSTRAINT it_answers_a_request CHECK (asked IN ('approval', 'cancel'))
);

-- One line for each write; `line` counts the notes after a move.
CREATE TABLE netcancel.history (
    payment        BIGINT           NOT NULL REFERENCES netcancel.payment (seq),
    version_count  BIGINT           NOT NULL,
    line           BIGINT           NOT NULL,
    at             BIGINT           NOT NULL,
    version_writer TEXT COLLATE "C" NOT NULL,
    source         TEXT COLLATE "C",
    event          TEXT COLLATE "C" NOT NULL,
    target         TEXT COLLATE "C" NOT NULL,
    note           TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (payment, version_count, line)
);

CREATE FUNCTION netcancel.tell_intent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO netcancel.history VALUES (
        NEW.seq, NEW.version_count, 0, NEW.updated_at, NEW.version_writer,
        NULL, NEW.event, NEW.state, NEW.note);
    RETURN NULL;
END $$;

CREATE FUNCTION netcancel.tell_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO netcancel.history VALUES (
        NEW.seq, NEW.version_count, 0, NEW.updated_at, NEW.version_writer,
        OLD.state, NEW.event, NEW.state, NEW.note);
    RETURN NULL;
END $$;

CREATE FUNCTION netcancel.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END $$;

CREATE TRIGGER an_intent_is_told AFTER INSERT ON netcancel.payment
    FOR EACH ROW EXECUTE FUNCTION netcancel.tell_intent();

CREATE TRIGGER a_move_is_told AFTER UPDATE OF version_count ON netcancel.payment
    FOR EACH ROW EXECUTE FUNCTION netcancel.tell_move();

CREATE TRIGGER what_was_agreed_is_fixed
    BEFORE UPDATE OF seq, id, world, tid, svc_id, bizr_no, merc_trx_no, alot_month, trx_amt,
        vat_amt, svc_amt, tran_dt, tran_tm, settle_at, created_at, same_data ON netcancel.payment
    FOR EACH STATEMENT
    EXECUTE FUNCTION netcancel.refuse('a payment''s identity and amounts are never changed');

CREATE TRIGGER a_used_number_stays BEFORE DELETE OR TRUNCATE ON netcancel.payment
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse(
        'a payment is never deleted: its number must never be used again');

CREATE TRIGGER history_is_not_changed BEFORE UPDATE ON netcancel.history
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse('the history is never changed');

CREATE TRIGGER history_is_not_deleted BEFORE DELETE OR TRUNCATE ON netcancel.history
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse('the history is never deleted');
