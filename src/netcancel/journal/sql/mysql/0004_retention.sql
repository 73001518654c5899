-- Schema 4: closed payments may leave for a file; their numbers stay used for ever.
-- A code of schema 3 knows nothing of such numbers and would use them again: it may not go on.

REPLACE INTO netcancel_meta (name, value) VALUES ('compatible_from', '4');

-- Numbers of payments that have left. Nothing leads back; open_new.sql looks here first.
CREATE TABLE IF NOT EXISTS netcancel_used_number (
    tid         VARBINARY(64) NOT NULL,
    merc_trx_no VARBINARY(64) NOT NULL,
    state       VARCHAR(32)   NOT NULL,  -- in which it was closed
    closed_at   BIGINT        NOT NULL,
    archived_at BIGINT        NOT NULL,
    PRIMARY KEY (tid, merc_trx_no)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

DROP TRIGGER IF EXISTS netcancel_a_number_is_kept_for_a_closed_payment;

CREATE TRIGGER netcancel_a_number_is_kept_for_a_closed_payment BEFORE INSERT ON netcancel_used_number
FOR EACH ROW
IF NOT EXISTS (SELECT 1 FROM netcancel_payment
        WHERE tid = NEW.tid AND merc_trx_no = NEW.merc_trx_no
            AND state IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
            AND sealed_key IS NULL AND sealed_body IS NULL)
THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'only a closed payment whose token is shredded may leave'; END IF;

DROP TRIGGER IF EXISTS netcancel_a_used_number_stays;

DROP TRIGGER IF EXISTS netcancel_a_payment_leaves_its_number;

CREATE TRIGGER netcancel_a_payment_leaves_its_number BEFORE DELETE ON netcancel_payment
FOR EACH ROW
IF OLD.state NOT IN ('approved', 'declined', 'net_cancelled', 'cancelled', 'resolved')
    OR OLD.sealed_key IS NOT NULL OR OLD.sealed_body IS NOT NULL
    OR NOT EXISTS (SELECT 1 FROM netcancel_used_number
        WHERE tid = OLD.tid AND merc_trx_no = OLD.merc_trx_no)
THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'a payment is deleted only closed, shredded and its number kept as used'; END IF;

DROP TRIGGER IF EXISTS netcancel_history_is_not_deleted;

DROP TRIGGER IF EXISTS netcancel_history_leaves_with_its_payment;

CREATE TRIGGER netcancel_history_leaves_with_its_payment BEFORE DELETE ON netcancel_history
FOR EACH ROW
IF NOT EXISTS (
    SELECT 1 FROM netcancel_payment AS payment JOIN netcancel_used_number AS used
        ON used.tid = payment.tid AND used.merc_trx_no = payment.merc_trx_no
    WHERE payment.seq = OLD.payment)
THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'the history is deleted only with a payment that is archived'; END IF;

DROP TRIGGER IF EXISTS netcancel_a_used_number_is_not_changed;

CREATE TRIGGER netcancel_a_used_number_is_not_changed BEFORE UPDATE ON netcancel_used_number
FOR EACH ROW SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'a used number is never changed';

DROP TRIGGER IF EXISTS netcancel_a_used_number_is_not_forgotten;

CREATE TRIGGER netcancel_a_used_number_is_not_forgotten BEFORE DELETE ON netcancel_used_number
FOR EACH ROW SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'a used number is never forgotten';
