-- Schema 3: which vault keys seal this journal's rows.
-- A code of schema 2 knows one key only, and would take what another key seals for damaged.

REPLACE INTO netcancel_meta (name, value) VALUES ('compatible_from', '3');

-- The ids of the keys in use: a process that lacks one of them doesn't start. A payment is written
-- only under one of them.
CREATE TABLE IF NOT EXISTS netcancel_vault_key (
    id VARBINARY(8) NOT NULL PRIMARY KEY
) ENGINE = InnoDB;

INSERT IGNORE INTO netcancel_vault_key (id)
SELECT value FROM netcancel_meta WHERE name = 'key_id';

DELETE FROM netcancel_meta WHERE name = 'key_id';

DROP TRIGGER IF EXISTS netcancel_a_key_that_is_needed_stays;

CREATE TRIGGER netcancel_a_key_that_is_needed_stays BEFORE DELETE ON netcancel_vault_key
FOR EACH ROW
IF EXISTS (SELECT 1 FROM netcancel_payment WHERE key_id = OLD.id)
    OR EXISTS (SELECT 1 FROM netcancel_meta
        WHERE name = 'secret' AND SUBSTRING(value, 2, 8) = OLD.id)
THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'a vault key is forgotten only when nothing is sealed with it'; END IF;
