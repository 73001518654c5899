-- Schema 2: who recovers, and in which life of the journal.
-- A code of schema 1 doesn't know of holds and would void what is held: it may not work on this.

REPLACE INTO netcancel_meta (name, value) VALUES ('compatible_from', '2');

-- Workers, and guards with a thread of their own: each writes its row every few seconds.
CREATE TABLE IF NOT EXISTS netcancel_worker (
    id         VARCHAR(255) NOT NULL PRIMARY KEY,
    host       VARCHAR(255) NOT NULL,
    started_at BIGINT       NOT NULL,
    seen_at    BIGINT       NOT NULL
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- The lives of this journal: the last is the present one. Hosts keep a copy of its id and count; a
-- journal that is behind a copy was restored. A later life replaces those before it.
CREATE TABLE IF NOT EXISTS netcancel_incarnation (
    number   BIGINT      NOT NULL PRIMARY KEY AUTO_INCREMENT,
    id       VARCHAR(64) NOT NULL UNIQUE,
    count    BIGINT      NOT NULL,  -- it only rises: one more each time that somebody checks in
    began_at BIGINT      NOT NULL,
    CONSTRAINT it_counts_up CHECK (count >= 0)
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- A journal that has payments already was somebody's before: it doesn't count as new.
INSERT INTO netcancel_incarnation (id, count, began_at)
SELECT LEFT(SHA2(CONCAT(UUID(), RAND()), 256), 16), EXISTS (SELECT 1 FROM netcancel_payment),
    TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))
FROM (SELECT count(*) AS lives FROM netcancel_incarnation) AS there WHERE there.lives = 0;

-- While a hold stands, recovery claims nothing. All of them are kept, with who released them.
CREATE TABLE IF NOT EXISTS netcancel_hold (
    number      BIGINT     NOT NULL PRIMARY KEY AUTO_INCREMENT,
    reason      MEDIUMTEXT NOT NULL,
    held_at     BIGINT     NOT NULL,
    released_at BIGINT,
    released_by MEDIUMTEXT,
    note        MEDIUMTEXT,
    stands      SMALLINT AS (CASE WHEN released_at IS NULL THEN 1 END) STORED,
    CONSTRAINT one_hold_at_a_time UNIQUE (stands),
    CONSTRAINT somebody_released_it CHECK (
        (released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (note IS NULL))
) ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

DROP TRIGGER IF EXISTS netcancel_a_count_only_rises;

CREATE TRIGGER netcancel_a_count_only_rises BEFORE UPDATE ON netcancel_incarnation
FOR EACH ROW
IF NEW.id <> OLD.id OR NEW.count <= OLD.count
THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'an incarnation''s count only rises'; END IF;

DROP TRIGGER IF EXISTS netcancel_an_incarnation_stays;

CREATE TRIGGER netcancel_an_incarnation_stays BEFORE DELETE ON netcancel_incarnation
FOR EACH ROW SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'an incarnation is never forgotten: a later one replaces it';

DROP TRIGGER IF EXISTS netcancel_a_hold_stays;

CREATE TRIGGER netcancel_a_hold_stays BEFORE DELETE ON netcancel_hold
FOR EACH ROW SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 1048,
    MESSAGE_TEXT = 'a hold is released, never deleted';
