-- Schema 3: which vault keys seal this journal's rows.
-- A code of schema 2 knows one key only, and would take what another key seals for damaged.

UPDATE netcancel.meta SET value = '3' WHERE name = 'compatible_from';

-- The ids of the keys in use: a process that lacks one of them doesn't start.
CREATE TABLE netcancel.vault_key (id BYTEA NOT NULL PRIMARY KEY);

INSERT INTO netcancel.vault_key (id) SELECT value FROM netcancel.meta WHERE name = 'key_id';
DELETE FROM netcancel.meta WHERE name = 'key_id';

-- A wrapped key names the key that wraps it, after one byte for its format.
CREATE INDEX payment_of_key ON netcancel.payment (substr(sealed_key, 2, 8))
    WHERE sealed_key IS NOT NULL;

-- Not written, as a number that is there: whoever writes counts, and looks why. The key is locked,
-- so that nobody forgets it before the payment is there.
CREATE FUNCTION netcancel.only_with_a_key_in_use() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM netcancel.vault_key WHERE id = substr(NEW.sealed_key, 2, 8) FOR KEY SHARE;
    RETURN CASE WHEN FOUND THEN NEW END;
END $$;

CREATE TRIGGER a_payments_key_is_in_use BEFORE INSERT ON netcancel.payment
    FOR EACH ROW EXECUTE FUNCTION netcancel.only_with_a_key_in_use();

CREATE FUNCTION netcancel.keep_a_needed_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
            SELECT 1 FROM netcancel.payment
            WHERE sealed_key IS NOT NULL AND substr(sealed_key, 2, 8) = OLD.id)
        OR EXISTS (
            SELECT 1 FROM netcancel.meta WHERE name = 'secret' AND substr(value, 2, 8) = OLD.id)
    THEN
        RAISE EXCEPTION 'a vault key is forgotten only when nothing is sealed with it'
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN OLD;
END $$;

CREATE TRIGGER a_key_that_is_needed_stays BEFORE DELETE ON netcancel.vault_key
    FOR EACH ROW EXECUTE FUNCTION netcancel.keep_a_needed_key();

CREATE TRIGGER no_key_is_truncated BEFORE TRUNCATE ON netcancel.vault_key
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse(
        'a vault key is forgotten only when nothing is sealed with it');
