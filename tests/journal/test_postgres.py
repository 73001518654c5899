"""A journal in PostgreSQL: what it refuses, what it survives, and what other sessions do to it."""

import asyncio
import dataclasses
import hashlib
import itertools
import logging
import os
import signal
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Payment
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import Journal, open_journal, postgres_session
from netcancel.journal.opening import open_tables
from netcancel.journal.postgres import PostgresServer, server_at
from netcancel.journal.postgres_session import SQL, checked_now, numbered
from netcancel.journal.server import UnsafeServer, UnsureCommit
from netcancel.journal.statements import Migration, Query
from tests.journal.samples import (
    ANSWER,
    CHANGES,
    FORBIDDEN,
    HOLD,
    KEY,
    OTHER_KEY,
    WORLD,
    Clock,
    bring_to,
    fate,
    intent,
    move,
    open_one,
    vault,
)
from tests.servers.keeper import used
from tests.servers.kinds import PASSWORD
from tests.servers.standby import set_standby

NUMBER: dict[str, Any] = {"worlds": [WORLD], "tid": "T123456789", "writer": "merchant"}


def open_at(url: str, clock: Clock | None = None, **options: Any) -> Journal:
    """Open a journal with the tests' key."""
    return open_journal(url, **{"vault_key": KEY, "clock": clock} | options)


@pytest.fixture
def journal(postgres_url: str) -> Iterator[Journal]:
    """Return an empty journal that goes by the server's clock."""
    with closing(open_at(postgres_url)) as journal:
        yield journal


@pytest.fixture
def database(postgres_url: str, journal: Journal) -> Iterator[psycopg.Connection[Any]]:
    """Return a stranger's connection to the journal's database."""
    assert isinstance(journal, object)
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("SET search_path = netcancel")
        yield connection


def run(connection: psycopg.Connection[Any], statement: str) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    cursor = connection.execute(statement.encode())
    return cursor.fetchall() if cursor.description else []


def end_sessions(database: psycopg.Connection[Any]) -> None:
    """End all other sessions of the database, as a restart of the server does."""
    ended = run(
        database,
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )
    assert all(is_ended for (is_ended,) in ended)


@pytest.mark.parametrize("statement", FORBIDDEN.values(), ids=FORBIDDEN)
def test_the_database_itself_repeats_the_law(
    journal: Journal, database: psycopg.Connection[Any], statement: str
) -> None:
    """Whoever writes to it, these things can't be written."""
    open_one(journal)
    journal.hold_if_unheld("restored").result()
    with pytest.raises((psycopg.IntegrityError, psycopg.DataError)):
        run(database, statement)


@pytest.mark.parametrize("table", ["payment", "history"])
def test_nothing_is_truncated(
    journal: Journal, database: psycopg.Connection[Any], table: str
) -> None:
    """That is another way to delete."""
    open_one(journal)
    with pytest.raises(psycopg.IntegrityError):
        run(database, f"TRUNCATE {table} CASCADE")


def test_the_servers_clock_decides(postgres_url: str) -> None:
    """Leases and due times follow the server's clock, whatever the host's says."""
    at = 2_000_000_000_123_456
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA IF EXISTS another_time CASCADE")
        connection.execute("CREATE SCHEMA another_time")
        run(
            connection,
            "CREATE FUNCTION another_time.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
            f" AS $$ SELECT to_timestamp(0) + {at} * interval '1 microsecond' $$",
        )
    url = f"{postgres_url}?options=-csearch_path%3Danother_time,pg_catalog"
    with closing(open_at(url)) as journal:
        payment = open_one(journal)
        assert payment.created_at == at
        assert payment.due_at == at + round(HOLD * 1e6)
        move = journal.move_if_unchanged(
            payment, Event.ANSWER_LOST, "w", Change(due_seconds=0.0, begins_debt=True)
        ).result()
        assert move is not None
        assert move.due_at == at
        claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
        assert [claim.payment.id for claim in claims] == [payment.id]


URLS = {
    "no such port": "postgresql://netcancel:{password}@127.0.0.1:1/netcancel",
    "no such host": "postgresql://netcancel:{password}@nowhere.invalid/netcancel",
    "another password": "postgresql://netcancel:{password}x@{server}/postgres",
    "no such database": "postgresql://netcancel:{password}@{server}/nowhere",
    "no such option": "postgresql://netcancel:{password}@{server}/postgres?nonsense={password}",
    "bad escapes": "postgresql://netcancel:%{password}@{server}/postgres",
}


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_no_error_shows_the_password(postgres_url: str, url: str) -> None:
    """Whatever is wrong with a URL, it is refused with a sentence that doesn't hold it."""
    server = postgres_url.split("@")[1].split("/", maxsplit=1)[0]
    with pytest.raises(ConfigurationError, match="journal") as refused:
        open_at(url.format(password=PASSWORD, server=server))
    chain: list[BaseException] = [refused.value]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) and cause not in chain:
        chain.append(cause)
    assert [str(error) for error in chain[:1] if PASSWORD in str(error)] == []
    assert refused.value.__suppress_context__


def test_no_repr_shows_the_password(postgres_url: str) -> None:
    """Neither that of the database nor that of what holds it."""
    with closing(open_at(postgres_url)) as journal:
        server = journal._database  # type: ignore[attr-defined]
        assert isinstance(server, PostgresServer)
        assert server.parameters["password"] == PASSWORD
        assert PASSWORD not in repr(server) + repr(journal) + server.place


def test_a_journal_that_becomes_unreachable_shows_no_password(journal: Journal) -> None:
    """The errors of a running journal don't, either."""
    server = journal._database  # type: ignore[attr-defined]
    assert isinstance(server, PostgresServer)
    parameters: Any = server.parameters
    parameters["port"] = "1"
    with pytest.raises(JournalUnavailable, match="refused") as told:
        journal.read("x").result()
    assert PASSWORD not in str(told.value)


def test_workers_never_create_a_journal(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither tables nor a key."""
    monkeypatch.delenv("NETCANCEL_VAULT_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="never create one"):
        open_at(postgres_url, create=False, vault_key=None)
    with psycopg.connect(postgres_url) as connection:
        assert run(connection, "SELECT to_regnamespace('netcancel')") == [(None,)]


def test_a_key_file_is_made_with_a_warning(
    postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The first host is told that the others need its key; another host without it is refused."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "first"))
    with caplog.at_level(logging.WARNING, "netcancel"):
        open_at(postgres_url, vault_key=None).close()
    assert "every machine that uses the journal needs the same key" in caplog.text
    caplog.clear()
    open_at(postgres_url, vault_key=None).close()
    assert caplog.text == ""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "second"))
    with pytest.raises(ConfigurationError, match="there is no vault key"):
        open_at(postgres_url, vault_key=None)
    assert not (tmp_path / "second").exists()


CHANGED = {
    "a guard is dropped": "DROP TRIGGER history_is_not_changed ON history",
    "a guard is off": "ALTER TABLE payment DISABLE TRIGGER a_payment_leaves_its_number",
    "a constraint is dropped": "ALTER TABLE payment DROP CONSTRAINT amounts_fit",
    "a number may repeat": "ALTER TABLE payment DROP CONSTRAINT a_number_is_used_once",
    "a column is another": "ALTER TABLE payment ALTER COLUMN attempts TYPE NUMERIC",
    "a column may be empty": "ALTER TABLE payment ALTER COLUMN same_data DROP NOT NULL",
    "an index is gone": "DROP INDEX payment_due",
    "a function does nothing": "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger"
    " LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_changed_tables_are_refused(
    postgres_url: str, database: psycopg.Connection[Any], change: str
) -> None:
    """At the next start, with a sentence."""
    run(database, change)
    with pytest.raises(ConfigurationError, match="changed the tables"):
        open_at(postgres_url)


def test_tables_of_others_are_welcome(postgres_url: str, database: psycopg.Connection[Any]) -> None:
    """Also in the same schema: a merchant's orders commit together with their confirmations."""
    run(database, "CREATE TABLE orders (number TEXT PRIMARY KEY)")
    run(database, "CREATE INDEX orders_of_number ON orders (number)")
    with closing(open_at(postgres_url)) as journal:
        open_one(journal)
    assert open_tables(postgres_url).standing().is_good


SPOILED = {
    "newer netcancel": "UPDATE meta SET value = '99' WHERE name IN ('schema', 'compatible_from')",
    "lost its key": "DELETE FROM meta WHERE name = 'secret'",
}


@pytest.mark.parametrize(("sentence", "spoil"), SPOILED.items(), ids=SPOILED)
def test_a_spoiled_journal_is_refused(
    postgres_url: str, database: psycopg.Connection[Any], sentence: str, spoil: str
) -> None:
    """A newer one, and one without its marks."""
    run(database, spoil)
    with pytest.raises(ConfigurationError, match=sentence):
        open_at(postgres_url)


def test_another_key_is_refused(postgres_url: str, journal: Journal) -> None:
    """What is sealed could not be opened with it."""
    open_one(journal)
    with pytest.raises(ConfigurationError, match="another vault key"):
        open_at(postgres_url, vault_key=OTHER_KEY)


def test_many_make_it_at_once(postgres_url: str) -> None:
    """Whoever comes first makes the tables; all work with them."""
    with ThreadPoolExecutor(6) as pool:
        journals = list(pool.map(lambda _: open_at(postgres_url), range(6)))
    payment = open_one(journals[0])
    for journal in journals:
        assert journal.read(payment.id).result() is not None
        journal.close()


UNSAFE = {
    "synchronous_commit": "-csynchronous_commit%3Doff",
    "read-only": "-cdefault_transaction_read_only%3Don",
}


@pytest.mark.parametrize(("word", "option"), UNSAFE.items(), ids=UNSAFE)
def test_a_server_that_would_not_keep_it_is_refused(
    postgres_url: str, word: str, option: str
) -> None:
    """One that tells of commits too early, and one that can't be written."""
    with pytest.raises(ConfigurationError, match=word):
        open_at(f"{postgres_url}?options={option}")


def test_a_server_without_syncs_is_refused() -> None:
    """Its machine's failure loses what it told of."""
    with pytest.raises(UnsafeServer, match="fsync"):
        checked_now({"fsync": "off", "synchronous_commit": "on", "now": 1}, None)


def test_a_database_of_another_encoding_is_refused(
    postgres_url: str, database: psycopg.Connection[Any]
) -> None:
    """Not every text would come back as it was."""
    run(database, "DROP DATABASE IF EXISTS of_latin1")
    run(database, "CREATE DATABASE of_latin1 ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    elsewhere = postgres_url.rpartition("/")[0] + "/of_latin1"
    with pytest.raises(ConfigurationError, match="UTF8"):
        open_at(elsewhere)
    run(database, "DROP DATABASE of_latin1")


def test_durability_is_looked_at_in_every_transaction(
    journal: Journal, database: psycopg.Connection[Any]
) -> None:
    """Behind a pooler it may change from one to the next."""
    open_one(journal)
    (name,) = run(database, "SELECT current_database()")[0]
    run(database, f"ALTER DATABASE {name} SET synchronous_commit = off")
    end_sessions(database)
    with pytest.raises(JournalUnavailable, match="synchronous_commit"):
        journal.open_new(intent()).result()
    run(database, f"ALTER DATABASE {name} RESET synchronous_commit")
    open_one(journal)


def test_nothing_is_left_in_a_session(postgres_url: str, journal: Journal) -> None:
    """Neither settings nor prepared statements nor locks: a pooler may give it to others."""
    for _ in range(10):
        bring_to(journal, State.APPROVED)
    with psycopg.connect(postgres_url) as fresh:
        usual = fresh.execute("SELECT name, setting FROM pg_settings").fetchall()

    def look(session: Any, _now: int) -> None:
        session.commit()  # what is set for this transaction is no part of the question
        connection = session._connection
        settings = connection.execute("SELECT name, setting FROM pg_settings").fetchall()
        found.extend([(row["name"], row["setting"]) for row in settings])
        found.extend(connection.execute("SELECT * FROM pg_prepared_statements").fetchall())
        found.extend(
            connection.execute(
                "SELECT * FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'"
            ).fetchall()
        )
        session.begin(writes=False)

    found: list[Any] = []
    journal._writer.submit(look, writes=False).result()  # type: ignore[attr-defined]
    differing = {name for name, _ in set(found) ^ set(usual) if not name.startswith("plpgsql.")}
    assert differing <= {"application_name", "client_encoding", "tcp_user_timeout"}


def test_sessions_that_were_ended_are_replaced_unnoticed(
    journal: Journal, database: psycopg.Connection[Any]
) -> None:
    """A restart between two operations costs nobody a failure."""
    payment = open_one(journal)
    for _ in range(3):
        end_sessions(database)
        assert journal.read(payment.id).result() is not None
        end_sessions(database)
        open_one(journal)


def test_a_session_that_is_ended_amid_is_told(
    journal: Journal, database: psycopg.Connection[Any]
) -> None:
    """Whoever was in the batch learns that it is unclear; nothing of it is there."""
    amid, gate = threading.Event(), threading.Event()

    def wait(_session: Any, _now: int) -> None:
        amid.set()
        assert gate.wait(10)

    sample = intent()
    first = journal._writer.submit(wait, writes=True)  # type: ignore[attr-defined]
    assert amid.wait(10)
    end_sessions(database)
    futures = [journal.open_new(sample), journal.open_new(intent())]
    gate.set()
    with pytest.raises(JournalUnavailable):
        first.result()
    assert [fate(future.result()) for future in futures] == ["Opened", "Opened"]


def test_a_commit_that_comes_with_a_warning_is_unknown(
    journal: Journal, database: psycopg.Connection[Any]
) -> None:
    """It may be durable or not: the caller reads again."""
    run(
        database,
        "CREATE FUNCTION grumble() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE WARNING 'not where you think'; RETURN NULL; END $$",
    )
    run(
        database,
        "CREATE CONSTRAINT TRIGGER grumbles AFTER INSERT ON payment DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION grumble()",
    )
    sample = intent()
    with pytest.raises(JournalUnavailable, match="not where you think"):
        journal.open_new(sample).result()
    assert journal.read(sample.id).result() is not None


def test_a_session_that_hangs_is_cut_off_and_replaced(
    journal: Journal, database: psycopg.Connection[Any]
) -> None:
    """Within the budget of a commit, though nothing says that it is broken."""
    open_one(journal)
    mine = (
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    ((pid,),) = run(database, mine)
    os.kill(pid, signal.SIGSTOP)
    try:
        opened = journal.open_new(intent()).result(COMMIT_BUDGET_SECONDS)
    finally:
        os.kill(pid, signal.SIGCONT)
    assert fate(opened) == "Opened"


def ask_one(session: Any) -> None:
    """Ask for something by one statement."""
    session.execute(Query.HOLD, {})


def ask_many(session: Any) -> None:
    """Ask for something by several statements at once."""
    session.execute(Query.NOTED_ANSWERS, *[{"id": "x"}] * 3)


def ask_nothing(session: Any) -> None:
    """Leave it to the commit to find that the server hangs."""
    assert session


@pytest.mark.parametrize("ask", [ask_one, ask_many, ask_nothing])
def test_a_session_that_hangs_amid_a_transaction_is_given_up(
    journal: Journal, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Any], None]
) -> None:
    """Whatever it waits for: the caller is told, and the next one has another session."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    stopped: list[int] = []

    def hang(session: Any, _now: int) -> None:
        stopped.append(session._connection.info.backend_pid)
        os.kill(stopped[0], signal.SIGSTOP)
        ask(session)

    try:
        with pytest.raises(JournalUnavailable, match="no answer in time"):
            journal._writer.submit(hang, writes=True).result()  # type: ignore[attr-defined]
        monkeypatch.undo()
        assert fate(journal.open_new(intent()).result()) == "Opened"
    finally:
        os.kill(stopped[0], signal.SIGCONT)


def test_what_takes_too_long_is_cancelled(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server says itself what it ended."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)

    def dawdle(session: Any, _now: int) -> None:
        session._connection.execute("SET LOCAL statement_timeout = 0")
        session._connection.execute("SELECT pg_sleep(600)")

    with pytest.raises(JournalUnavailable, match="canceling statement due to user request"):
        journal._writer.submit(dawdle, writes=True).result()  # type: ignore[attr-defined]


def test_an_older_libpq_cancels_nothing(journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cancel would wait without end: the connection is given up at once, and replaced."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    monkeypatch.setattr(type(psycopg.capabilities), "has_cancel_safe", lambda *_: False)
    monkeypatch.setattr(psycopg.Connection, "cancel_safe", never)

    def dawdle(session: Any, _now: int) -> None:
        session._connection.execute("SELECT pg_sleep(60)")

    with pytest.raises(JournalUnavailable, match="no answer in time"):
        journal._writer.submit(dawdle, writes=True).result()  # type: ignore[attr-defined]
    assert journal.read("nobody").result() is None


def never(*_: object, **__: object) -> None:
    """Fail whoever calls this."""
    raise AssertionError("an older libpq is asked to cancel")


def test_the_commit_of_a_migration_waits_no_longer_than_any(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A standby that does not answer must not hold who upgrades the tables, nor all behind him."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    with used("postgres", tmp_path, in_memory=True) as url:
        open_at(url).close()
        set_standby(url, "nobody")
        with closing(server_at(url).connect()) as session:
            session.begin(writes=True)
            session.apply(Migration(99, "0099_quick", "CREATE TABLE quick (number integer)"))
            with pytest.raises(UnsureCommit, match="synchronous replication"):
                session.commit()


@pytest.mark.usefixtures("journal")
def test_a_migration_has_all_the_time_that_it_takes(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Large tables take longer than any payment waits."""
    monkeypatch.setattr(postgres_session, "WRITE_SECONDS", 0.5)
    with closing(server_at(postgres_url).connect()) as session:
        session.begin(writes=True)
        session.apply(Migration(99, "0099_long", "SELECT pg_sleep(2)"))
        session.commit()


def test_a_standby_that_does_not_answer_makes_a_commit_unknown(
    tmp_path: Path, postgres_url: str
) -> None:
    """PostgreSQL itself says success then, with a warning in its own language."""
    assert postgres_url
    with used("postgres", tmp_path, in_memory=True) as url, closing(open_at(url)) as journal:
        open_one(journal)
        set_standby(url, "nobody")
        sample = intent()
        with pytest.raises(JournalUnavailable, match="synchronous replication"):
            journal.open_new(sample).result(COMMIT_BUDGET_SECONDS)
        set_standby(url, "")
        assert journal.read(sample.id).result() is not None
        assert fate(journal.open_new(sample).result()) == "Known"


def test_journals_of_many_hosts_agree(postgres_url: str) -> None:
    """One number has one winner, each claim one owner, and no note is lost."""
    clock = Clock()
    journals = [open_at(postgres_url, clock) for _ in range(4)]
    with ThreadPoolExecutor(16) as pool:
        samples = [intent(merc_trx_no=f"ORD_{place % 50}") for place in range(200)]
        openings = zip(itertools.cycle(journals), samples, strict=False)
        fates = list(pool.map(lambda each: fate(each[0].open_new(each[1]).result()), openings))
        assert (fates.count("Opened"), fates.count("Known")) == (50, 150)
        clock.advance(HOLD)
        claimed = list(pool.map(drain, journals))
        numbers = [payment.merc_trx_no for mine in claimed for payment in mine]
        assert sorted(numbers) == sorted({sample.merc_trx_no for sample in samples})
        payment = claimed[0][0] if claimed[0] else claimed[1][0]
        notes = [
            journal.note(payment, Event.LATE_APPROVAL, f"w{place}", Change(answer=ANSWER))
            for place in range(10)
            for journal in journals
        ]
        assert [note.result() for note in notes] == [None] * 40
    after = journals[0].read(payment.id).result()
    assert after is not None
    assert sum("noted by" in line.note for line in after.history) == 40
    for journal in journals:
        journal.close()


def drain(journal: Journal) -> list[Payment]:
    """Claim in small batches until nothing is due, passing over what others are just taking."""
    mine: list[Payment] = []
    while journal.summary(worlds=[WORLD]).result().by_state.get(State.APPROVING):
        batch = journal.claim_due(world=WORLD, writer="w", limit=3, hold_seconds=HOLD).result()
        mine += [claim.payment for claim in batch]
    return mine


def test_what_a_caller_holds_is_passed_over_by_claims_and_soon_told_to_moves(
    postgres_url: str, database: psycopg.Connection[Any]
) -> None:
    """A long transaction of a merchant's keeps recovery from one payment, not from the others."""
    clock = Clock()
    with closing(open_at(postgres_url, clock)) as journal:
        held, other = bring_to(journal, State.UNCONFIRMED), bring_to(journal, State.UNCONFIRMED)
        clock.advance(1_000)
        with database.transaction():
            confirmed = journal.confirm_in(database, merc_trx_no=held.merc_trx_no, **NUMBER)
            assert confirmed is not None
            claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
            assert [claim.payment.id for claim in claims] == [other.id]
            reject = journal.move_if_unchanged(held, Event.REJECTED, "w", CHANGES[State.CANCELLING])
            with pytest.raises(JournalUnavailable, match="lock timeout"):
                reject.result()
        again = journal.read(held.id).result()
        assert again is not None
        assert again.state is State.APPROVED


@pytest.mark.parametrize("ends", ["commit", "rollback"])
def test_a_confirmation_joins_the_callers_transaction(
    postgres_url: str, journal: Journal, ends: str
) -> None:
    """It is there with the order, or not at all."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with psycopg.connect(postgres_url) as connection:
        confirmed = journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        assert confirmed is not None
        assert confirmed.state is State.APPROVED
        assert state_of(journal, payment) is State.UNCONFIRMED
        getattr(connection, ends)()
    wanted = State.APPROVED if ends == "commit" else State.UNCONFIRMED
    assert state_of(journal, payment) is wanted


def test_an_old_view_is_not_taken_for_what_is_so_now(postgres_url: str, journal: Journal) -> None:
    """A transaction that sees one moment only is told no yes that has been taken back since."""
    payment = bring_to(journal, State.APPROVED)
    with psycopg.connect(postgres_url) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM netcancel.payment")
        move(journal, payment, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
        with pytest.raises(psycopg.errors.SerializationFailure):
            journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        connection.rollback()


def state_of(journal: Journal, payment: Payment) -> State:
    """Read a payment's state."""
    read = journal.read(payment.id).result()
    assert read is not None
    return read.state


def test_a_confirmation_cares_for_no_habits_of_the_connection(
    postgres_url: str, journal: Journal
) -> None:
    """Whatever rows and cursors a merchant's connection gives, and whatever it prepares."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with psycopg.connect(
        postgres_url,
        row_factory=psycopg.rows.scalar_row,
        cursor_factory=psycopg.ClientCursor,
        prepare_threshold=0,
    ) as connection:
        assert journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        assert connection.execute("SELECT name FROM pg_prepared_statements").fetchall() == []
    assert state_of(journal, payment) is State.APPROVED


def not_psycopg(_: str) -> Any:
    """Return another driver's connection."""
    return sqlite3.connect(":memory:")


def without_transaction(url: str) -> Any:
    """Return a connection that commits each statement."""
    return psycopg.connect(url, autocommit=True)


def without_journal(url: str) -> Any:
    """Return a connection to another database of the same server."""
    return psycopg.connect(url.rpartition("/")[0] + "/postgres")


def careless(url: str) -> Any:
    """Return a connection that doesn't wait for the disk."""
    return psycopg.connect(f"{url}?options=-csynchronous_commit%3Doff")


REFUSED: dict[Callable[[str], Any], str] = {
    not_psycopg: "must be a psycopg.Connection",
    without_transaction: "no open transaction",
    without_journal: "another database",
    careless: "synchronous_commit",
}


@pytest.mark.parametrize(
    ("connect", "sentence"), REFUSED.items(), ids=[each.__name__ for each in REFUSED]
)
def test_only_a_transaction_of_the_journals_database_is_joined(
    postgres_url: str, journal: Journal, connect: Callable[[str], Any], sentence: str
) -> None:
    """Anything else is refused with a sentence, and nothing is written."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with closing(connect(postgres_url)) as connection:
        with pytest.raises(ConfigurationError, match=sentence):
            journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)
        connection.commit()
    assert state_of(journal, payment) is State.UNCONFIRMED


def test_the_journal_of_another_database_is_not_this_one(journal: Journal, tmp_path: Path) -> None:
    """Two journals on two servers: a confirmation can't go to the wrong one."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with used("postgres", tmp_path, in_memory=True) as url, closing(open_at(url)) as other:
        open_one(other)
        with (
            psycopg.connect(url) as connection,
            pytest.raises(ConfigurationError, match="another database"),
        ):
            journal.confirm_in(connection, merc_trx_no=payment.merc_trx_no, **NUMBER)


def test_a_connection_that_must_be_awaited_is_awaited(postgres_url: str, journal: Journal) -> None:
    """Committed with the order, rolled back with it; a guard that blocks refuses it."""
    payments = [bring_to(journal, State.UNCONFIRMED) for _ in range(2)]

    async def confirm() -> None:
        async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
            for payment, end in zip(
                payments, (connection.commit, connection.rollback), strict=True
            ):
                confirmed = await journal.confirm_in_by_awaiting(
                    connection, merc_trx_no=payment.merc_trx_no, **NUMBER
                )
                assert confirmed is not None
                assert confirmed.state is State.APPROVED
                await end()
            with pytest.raises(ConfigurationError, match="must be awaited"):
                journal.confirm_in(connection, merc_trx_no="x", **NUMBER)

    asyncio.run(confirm())
    assert [state_of(journal, payment) for payment in payments] == [
        State.APPROVED,
        State.UNCONFIRMED,
    ]


def test_a_blocking_connection_is_used_by_whoever_awaits(
    postgres_url: str, journal: Journal
) -> None:
    """An awaiting guard takes both."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with psycopg.connect(postgres_url) as connection:
        confirming = journal.confirm_in_by_awaiting(
            connection, merc_trx_no=payment.merc_trx_no, **NUMBER
        )
        assert asyncio.run(confirming) is not None
    assert state_of(journal, payment) is State.APPROVED


def test_an_interrupted_confirmation_asks_nothing_more(
    postgres_url: str, database: psycopg.Connection[Any], journal: Journal
) -> None:
    """A task that is cancelled while it waits for the row confirms nothing afterwards."""
    payment = bring_to(journal, State.UNCONFIRMED)

    async def confirm() -> None:
        async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
            await connection.execute("SELECT 1")
            confirming = asyncio.create_task(
                journal.confirm_in_by_awaiting(
                    connection, merc_trx_no=payment.merc_trx_no, **NUMBER
                )
            )
            while not await asyncio.to_thread(waits_for_a_row, database):
                assert not confirming.done()
            confirming.cancel()
            with pytest.raises(asyncio.CancelledError):
                await confirming
            await connection.rollback()
            await connection.commit()

    with psycopg.connect(postgres_url) as holder:
        run(holder, "SELECT 1 FROM netcancel.payment FOR UPDATE")
        asyncio.run(confirm())
    assert state_of(journal, payment) is State.UNCONFIRMED


def waits_for_a_row(database: psycopg.Connection[Any]) -> bool:
    """Whether a session of this database waits for another's lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    return run(database, waiting) != [(0,)]


def test_an_undecodable_url_is_refused() -> None:
    """Before anything is tried."""
    with pytest.raises(ConfigurationError, match="can't be read"):
        open_at("postgresql://[")


def make_as_before(server: PostgresServer) -> None:
    """Make the tables as the code of the server's only migration did."""
    session = server.connect()
    session.begin(writes=True)
    for migration in server.migrations:
        session.apply(migration)
    parts = sorted(row["part"] for row in session.execute(Query.SHAPE, {}).rows)
    for name, value in {
        "id": b"an old journal",
        "key_id": vault().key_id,
        "schema": b"1",
        "shape": hashlib.sha256("\n".join(parts).encode()).digest(),
        "secret": vault().new_secret(),
    }.items():
        session.execute(Query.WRITE_META, {"name": name, "value": value})
    session.commit()
    session.close()


def test_a_journal_of_an_older_release_is_brought_up_to_date(postgres_url: str) -> None:
    """Its rows stay; new code refuses it before, and works on it after; a second step is none."""
    first, *later = SQL.migrations
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        connection.execute("SET client_min_messages = 'error'")
        connection.execute("DROP SCHEMA IF EXISTS netcancel CASCADE")
    server = dataclasses.replace(server_at(postgres_url), migrations=(first,))
    make_as_before(server)
    with pytest.raises(ConfigurationError, match="netcancel db upgrade"):
        open_at(postgres_url)
    tables = open_tables(postgres_url)
    assert tables.standing().missing == tuple(each.name for each in later)
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: open_tables(postgres_url).upgrade(), range(4)))
    assert sorted(name for names in made for name in names) == [each.name for each in later]
    assert tables.standing().is_good
    with closing(open_at(postgres_url)) as journal:
        open_one(journal)


def test_parameters_are_numbered_from_one() -> None:
    """Each by its place; a text without any stays as it is."""
    assert numbered("SELECT %s WHERE a IN (%s, %s)") == b"SELECT $1 WHERE a IN ($2, $3)"
    assert numbered("SELECT 1") == b"SELECT 1"


def test_a_new_journal_is_the_sum_of_its_steps(postgres_url: str, journal: Journal) -> None:
    """Nothing is missing, and what somebody changed by hand is seen."""
    assert journal.strangers().result() == 0
    assert open_tables(postgres_url).standing().is_good
    with closing(psycopg.connect(postgres_url, autocommit=True)) as connection:
        connection.execute("ALTER TABLE netcancel.worker ADD COLUMN more TEXT")
    assert not open_tables(postgres_url).standing().is_sum
    with pytest.raises(ConfigurationError, match="somebody changed"):
        open_tables(postgres_url).upgrade()


def test_no_statement_that_runs_often_walks_through_the_whole_table(
    postgres_url: str, journal: Journal
) -> None:
    """Each finds its rows by an index, where the server is asked to use one if there is any."""
    for _ in range(3):
        bring_to(journal, State.APPROVED)
    numbers: dict[str, Any] = {"now": 1, "limit": 1, "seq": 1, "closed_before": 1, "after": 1}
    values = defaultdict(lambda: "1", numbers | {"key_id": b"1", "worlds": "[]"})
    for query in (
        Query.DUE, Query.DUE_NEWEST_FIRST, Query.COUNT_IN_DOUBT, Query.COUNT_OWED, Query.READ,
        Query.FIND, Query.FIND_BY_VAN_NUMBER, Query.HISTORY, Query.SHRED_KEYS, Query.SHRED_BODIES,
        Query.SHRED_ANSWERS, Query.MOVE, Query.NOTED_ANSWERS, Query.NOTE, Query.SEALED_WITH,
        Query.NEGLECTED, Query.SUMMARY_STATES, Query.SUMMARY_IN_DOUBT, Query.SUMMARY_REFUSALS,
    ):  # fmt: skip
        ((text, parameters),) = SQL.bound(query, [values])
        with psycopg.connect(postgres_url) as connection:
            connection.execute("SET LOCAL enable_seqscan = off")
            plan = connection.execute(f"EXPLAIN {text}".encode(), parameters).fetchall()
            connection.rollback()
        assert [step for (step,) in plan if "Seq Scan on payment" in step] == [], query
