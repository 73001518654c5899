-- The journal of payments, schema 1, for MariaDB 10.6 and MySQL 8.0.16, and later.
-- Times are whole microseconds since the epoch. What tells payments apart is binary: collations
-- would take case or spaces at the end for nothing.

-- No transaction holds these together: until netcancel_meta is marked as made, the journal isn't
-- there, and whoever makes it goes on from where another was cut off.
DROP TABLE IF EXISTS netcancel_meta;

CREATE TABLE IF NOT EXISTS netcancel_payment (
    seq            BIGINT          NOT NULL PRIMARY KEY AUTO_INCREMENT,
    id             VARBINARY(64)   NOT NULL UNIQUE,
    world          VARBINARY(1024) NOT NULL,
    tid            VARBINARY(64)   NOT NULL,
    svc_id         VARCHAR(64)     NOT NULL,
    bizr_no        VARCHAR(64)     NOT NULL,
    merc_trx_no    VARBINARY(64)   NOT NULL,
    state          VARCHAR(32)     NOT NULL,
    came_from      VARCHAR(32),              -- the state before the last move; NULL: it is new
    version_count  BIGINT          NOT NULL,
    version_writer VARBINARY(64)   NOT NULL,
    alot_month     VARCHAR(16)     NOT NULL,
    trx_amt        BIGINT          NOT NULL,
    vat_amt        BIGINT          NOT NULL,
    svc_amt        BIGINT          NOT NULL,
    tran_dt        VARCHAR(16)     NOT NULL,
    tran_tm        VARCHAR(16)     NOT NULL,
    answer         MEDIUMTEXT,               -- the proven approval, JSON
    van_trx_no     MEDIUMBLOB,               -- its VAN number: a shop's cancel may name the payment so
    loss           VARCHAR(64),
    code           MEDIUMTEXT,
    message        MEDIUMTEXT,
    detail         MEDIUMTEXT      NOT NULL,
    never_sent     SMALLINT        NOT NULL,
    cancel_reason  VARCHAR(64),
    cancel_trx_no  VARCHAR(64),              -- the last cancel's own number
    cancel_body    MEDIUMTEXT,               -- the last cancel as it was frozen; it holds no token
    resolution     VARCHAR(64),
    attempts       BIGINT          NOT NULL,
    is_held        SMALLINT        NOT NULL,
    due_at         BIGINT,
    owed_since     BIGINT,
    settle_at      BIGINT          NOT NULL,
    alarmed        SMALLINT        NOT NULL,
    created_at     BIGINT          NOT NULL,
    updated_at     BIGINT          NOT NULL,
    event          VARCHAR(64)     NOT NULL, -- the last move, as the history has it
    note           MEDIUMTEXT      NOT NULL,
    refused        MEDIUMTEXT,               -- the code that refused the last void of this debt
    same_data      VARBINARY(64)   NOT NULL, -- keyed digest of what makes a second call the same order
    sealed_key     VARBINARY(255),           -- the row's data key, wrapped by the master key
    sealed_body    MEDIUMBLOB,               -- the frozen net-cancel body, under the data key

    -- A server of this kind has no index for some rows only: these tell which rows an index is for.
    is_closed_and_sealed SMALLINT AS (
        CASE WHEN sealed_key IS NOT NULL AND due_at IS NULL AND state <> 'escalated' THEN 1 END
    ) STORED,
    is_half_shredded SMALLINT AS (
        CASE WHEN sealed_key IS NULL AND sealed_body IS NOT NULL THEN 1 END) STORED,
    -- A wrapped key names the key that wraps it, after one byte for its format.
    key_id VARBINARY(8) AS (SUBSTRING(sealed_key, 2, 8)) STORED,

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
    CONSTRAINT it_settles_after_it_began CHECK (settle_at >= created_at),

    -- What is owed, by when: for claims and for counting what is in doubt.
    INDEX payment_due (world, state, due_at),
    -- What may be shredded, by when it was closed: a payment is final where nothing is due and no
    -- person has to decide.
    INDEX payment_sealed (is_closed_and_sealed, updated_at),
    -- What a shredding left half done, because the machine died between its two commits.
    INDEX payment_half_shredded (is_half_shredded),
    -- What may leave, the longest closed first.
    INDEX payment_closed (updated_at, id),
    INDEX payment_of_key (key_id),
    INDEX payment_of_van_number (tid, van_trx_no (64))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Answers as the gateway sent them, sealed under the payment's own key: shredded with it.
CREATE TABLE IF NOT EXISTS netcancel_kept_answer (
    payment BIGINT      NOT NULL,
    asked   VARCHAR(32) NOT NULL,
    sealed  MEDIUMBLOB  NOT NULL,
    PRIMARY KEY (payment, asked),
    CONSTRAINT an_answer_has_a_payment FOREIGN KEY (payment) REFERENCES netcancel_payment (seq),
    CONSTRAINT it_answers_a_request CHECK (asked IN ('approval', 'cancel'))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- One line for each write; `line` counts the notes after a move.
CREATE TABLE IF NOT EXISTS netcancel_history (
    payment        BIGINT        NOT NULL,
    version_count  BIGINT        NOT NULL,
    line           BIGINT        NOT NULL,
    at             BIGINT        NOT NULL,
    version_writer VARBINARY(64) NOT NULL,
    source         VARCHAR(32),
    event          VARCHAR(64)   NOT NULL,
    target         VARCHAR(32)   NOT NULL,
    note           MEDIUMTEXT    NOT NULL,
    PRIMARY KEY (payment, version_count, line),
    CONSTRAINT a_line_has_a_payment FOREIGN KEY (payment) REFERENCES netcancel_payment (seq)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE netcancel_meta (
    name  VARBINARY(64)  NOT NULL PRIMARY KEY,
    value VARBINARY(255) NOT NULL
) ENGINE = InnoDB;

-- Guards: they only refuse, and are left out where this user may make no triggers.

DROP TRIGGER IF EXISTS netcancel_what_was_agreed_is_fixed;

CREATE TRIGGER netcancel_what_was_agreed_is_fixed BEFORE UPDATE ON netcancel_payment
FOR EACH ROW
IF NOT (NEW.seq <=> OLD.seq AND NEW.id <=> OLD.id AND NEW.world <=> OLD.world
    AND NEW.tid <=> OLD.tid AND NEW.svc_id <=> OLD.svc_id AND NEW.bizr_no <=> OLD.bizr_no
    AND NEW.merc_trx_no <=> OLD.merc_trx_no AND NEW.alot_month <=> OLD.alot_month
    AND NEW.trx_amt <=> OLD.trx_amt AND NEW.vat_amt <=> OLD.vat_amt AND NEW.svc_amt <=> OLD.svc_amt
    AND NEW.tran_dt <=> OLD.tran_dt AND NEW.tran_tm <=> OLD.tran_tm
    AND NEW.settle_at <=> OLD.settle_at AND NEW.created_at <=> OLD.created_at
    AND NEW.same_data <=> OLD.same_data)
THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'a payment''s identity and amounts are never changed'; END IF;

DROP TRIGGER IF EXISTS netcancel_a_used_number_stays;

CREATE TRIGGER netcancel_a_used_number_stays BEFORE DELETE ON netcancel_payment
FOR EACH ROW SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'a payment is never deleted: its number must never be used again';

DROP TRIGGER IF EXISTS netcancel_history_is_not_changed;

CREATE TRIGGER netcancel_history_is_not_changed BEFORE UPDATE ON netcancel_history
FOR EACH ROW SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'the history is never changed';

DROP TRIGGER IF EXISTS netcancel_history_is_not_deleted;

CREATE TRIGGER netcancel_history_is_not_deleted BEFORE DELETE ON netcancel_history
FOR EACH ROW SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'the history is never deleted';
