-- Guards, where this user may make triggers that need no special privilege. They only refuse.

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
