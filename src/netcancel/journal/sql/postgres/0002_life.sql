-- Schema 2: who recovers, and in which life of the journal.
-- A code of schema 1 doesn't know of holds and would void what is held: it may not work on this.

INSERT INTO netcancel.meta (name, value) VALUES ('compatible_from', '2');

-- Workers, and guards with a thread of their own: each writes its row every few seconds.
CREATE TABLE netcancel.worker (
    id         TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    host       TEXT COLLATE "C" NOT NULL,
    started_at BIGINT           NOT NULL,
    seen_at    BIGINT           NOT NULL
);

-- The lives of this journal: the last is the present one. Hosts keep a copy of its id and count; a
-- journal that is behind a copy was restored. A later life replaces those before it.
CREATE TABLE netcancel.incarnation (
    number   BIGINT           NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    id       TEXT COLLATE "C" NOT NULL UNIQUE,
    count    BIGINT           NOT NULL,  -- it only rises: one more each time that somebody checks in
    began_at BIGINT           NOT NULL,
    CONSTRAINT it_counts_up CHECK (count >= 0)
);

-- A journal that has payments already was somebody's before: it doesn't count as new.
INSERT INTO netcancel.incarnation (id, count, began_at) VALUES (
    left(md5(random()::text || clock_timestamp()::text), 16),
    (SELECT count(*) FROM (SELECT FROM netcancel.payment LIMIT 1) AS any_payment),
    (extract(epoch FROM clock_timestamp()) * 1000000)::bigint);

-- While a hold stands, recovery claims nothing. All of them are kept, with who released them.
CREATE TABLE netcancel.hold (
    number      BIGINT           NOT NULL PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    reason      TEXT COLLATE "C" NOT NULL,
    held_at     BIGINT           NOT NULL,
    released_at BIGINT,
    released_by TEXT COLLATE "C",
    note        TEXT COLLATE "C",
    CONSTRAINT somebody_released_it CHECK (
        (released_at IS NULL) = (released_by IS NULL) AND (released_at IS NULL) = (note IS NULL))
);

CREATE UNIQUE INDEX one_hold_at_a_time ON netcancel.hold ((released_at IS NULL))
    WHERE released_at IS NULL;

CREATE TRIGGER a_count_only_rises BEFORE UPDATE ON netcancel.incarnation
    FOR EACH ROW WHEN (NEW.id <> OLD.id OR NEW.count <= OLD.count)
    EXECUTE FUNCTION netcancel.refuse('an incarnation''s count only rises');

CREATE TRIGGER an_incarnation_stays BEFORE DELETE OR TRUNCATE ON netcancel.incarnation
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse(
        'an incarnation is never forgotten: a later one replaces it');

CREATE TRIGGER a_hold_stays BEFORE DELETE OR TRUNCATE ON netcancel.hold
    FOR EACH STATEMENT EXECUTE FUNCTION netcancel.refuse('a hold is released, never deleted');
