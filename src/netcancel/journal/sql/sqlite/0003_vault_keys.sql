-- Schema 3: which vault keys seal this journal's rows.
-- A code of schema 2 knows one key only, and would take what another key seals for damaged.

UPDATE meta SET value = CAST('3' AS BLOB) WHERE name = 'compatible_from';

-- The ids of the keys in use: a process that lacks one of them doesn't start.
CREATE TABLE vault_key (id BLOB NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;

INSERT INTO vault_key (id) SELECT value FROM meta WHERE name = 'key_id';
DELETE FROM meta WHERE name = 'key_id';

-- A wrapped key names the key that wraps it, after one byte for its format.
CREATE INDEX payment_of_key ON payment (substr(sealed_key, 2, 8)) WHERE sealed_key IS NOT NULL;

-- Not written, as a number that is there: whoever writes counts, and looks why.
CREATE TRIGGER a_payments_key_is_in_use BEFORE INSERT ON payment
WHEN NOT EXISTS (SELECT 1 FROM vault_key WHERE id = substr(NEW.sealed_key, 2, 8))
BEGIN
    SELECT RAISE(IGNORE);
END;

CREATE TRIGGER a_key_that_is_needed_stays BEFORE DELETE ON vault_key
WHEN EXISTS (
        SELECT 1 FROM payment
        WHERE sealed_key IS NOT NULL AND substr(sealed_key, 2, 8) = OLD.id)
    OR EXISTS (SELECT 1 FROM meta WHERE name = 'secret' AND substr(value, 2, 8) = OLD.id)
BEGIN
    SELECT RAISE(ABORT, 'a vault key is forgotten only when nothing is sealed with it');
END;
