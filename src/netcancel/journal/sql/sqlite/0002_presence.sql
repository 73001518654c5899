-- Schema 2: who recovers, and in which life of the journal.
-- A code of schema 1 doesn't know of holds and would void what is held: it may not work on this.

INSERT INTO meta (name, value) VALUES ('compatible_from', CAST('2' AS BLOB));

-- Workers, and guards with a thread of their own: each writes its row every few seconds.
CREATE TABLE worker (
    id         TEXT    NOT NULL PRIMARY KEY,
    host       TEXT    NOT NULL,
    started_at INTEGER NOT NULL,
    seen_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The lives of this journal: the last is the present one. Hosts keep a copy of its id and count; a
-- journal that is behind a copy was restored. A later life replaces those before it.
CREATE TABLE incarnation (
    number   INTEGER PRIMARY KEY,
    id       TEXT    NOT NULL UNIQUE,
    count    INTEGER NOT NULL,           -- it only rises: one more each time that somebody checks in
    began_at INTEGER NOT NULL,
    CONSTRAINT it_counts_up CHECK (count >= 0)
) STRICT;

-- While a hold stands, recovery claims nothing. All of them are kept, with who released them.
CREATE TABLE hold (
    number      INTEGER PRIMARY KEY,
    reason      TEXT    NOT NULL,
    held_at     INTEGER NOT NULL,
    released_at INTEGER,
    released_by TEXT,
    note        TEXT,
    CONSTRAINT somebody_released_it CHECK (
        (released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (note IS NULL))
) STRICT;

CREATE UNIQUE INDEX one_hold_at_a_time ON hold (released_at IS NULL) WHERE released_at IS NULL;

CREATE TRIGGER a_count_only_rises BEFORE UPDATE ON incarnation
WHEN NEW.id <> OLD.id OR NEW.count <= OLD.count
BEGIN
    SELECT RAISE(ABORT, 'an incarnation''s count only rises');
END;

CREATE TRIGGER an_incarnation_stays BEFORE DELETE ON incarnation
BEGIN
    SELECT RAISE(ABORT, 'an incarnation is never forgotten: a later one replaces it');
END;

CREATE TRIGGER a_hold_stays BEFORE DELETE ON hold
BEGIN
    SELECT RAISE(ABORT, 'a hold is released, never deleted');
END;
