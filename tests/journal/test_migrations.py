"""A journal is brought up to date in steps, with its rows, and only by what may work on it."""

import logging
import re
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Asked, Change
from netcancel.errors import ConfigurationError
from netcancel.journal.migrations import check_schema, refuse_newer
from netcancel.journal.opening import open_tables
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite_file import SQL, connect, objects_of
from netcancel.journal.sqlite_schema import _apply
from netcancel.journal.statements import Migration
from tests.journal.samples import (
    BODY,
    CHANGES,
    HOLD,
    SETTLE,
    WAYS,
    WORLD,
    Clock,
    bring_to,
    compatible_from,
    fate,
    intent,
    move,
    old_file,
    open_file,
    open_one,
)

FOLDERS = [each.name for each in files("netcancel.journal").joinpath("sql").iterdir()]
"""The databases that have SQL."""

NAMES = [each.name for each in SQL.migrations]


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a journal of schema 1."""
    return old_file(tmp_path / "old.db")


def upgrade(path: Path) -> list[str]:
    """Bring a file up to date."""
    return [*open_tables(f"sqlite:///{path}").upgrade()]


def ask(path: Path, statement: str) -> list[tuple[object, ...]]:
    """Ask a file in SQL."""
    connection = sqlite3.connect(path, isolation_level=None)
    rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_steps_are_numbered_from_one_to_the_present_schema(folder: str) -> None:
    """In every database's folder, without a gap, so that one number says it all."""
    names = [each.name for each in files("netcancel.journal").joinpath("sql", folder).iterdir()]
    numbers = sorted(int(name[:4]) for name in names if re.match("[0-9]", name))
    assert numbers == list(range(1, SCHEMA + 1))


def test_an_older_journal_is_refused_and_left_as_it_is(old: Path) -> None:
    """By guards, workers and readers, with the command that mends it."""
    before = old.read_bytes()
    for create in (True, False):
        with pytest.raises(ConfigurationError, match="run `netcancel db upgrade`"):
            open_file(old, create=create)
    assert old.read_bytes() == before


def test_an_upgraded_journal_is_a_new_journal_with_old_rows(old: Path, tmp_path: Path) -> None:
    """The tables are the same, text for text, as those of a journal that begins today."""
    assert upgrade(old) == NAMES[1:]
    new = tmp_path / "new.db"
    open_file(new).close()
    found = []
    for path in (old, new):
        connection = sqlite3.connect(path)
        found.append(objects_of(connection))
        connection.close()
    assert found[0] == found[1]
    standing = open_tables(f"sqlite:///{old}").standing()
    assert (standing.schema, standing.missing, standing.is_sum) == (SCHEMA, (), True)


def test_old_rows_survive_with_all_that_they_hold(old: Path) -> None:
    """States, versions, histories, sealed texts and digests: as they were before."""
    rows, lines = ask(old, "SELECT * FROM payment"), ask(old, "SELECT * FROM history")
    upgrade(old)
    assert ask(old, "SELECT * FROM history") == lines
    kept = len(rows[0])
    assert [row[:kept] for row in ask(old, "SELECT * FROM payment")] == rows
    journal = open_file(old)
    for state in WAYS:
        payment = journal.find("T123456789", f"OLD_{state}").result()
        assert payment is not None
        assert (payment.state, len(payment.history)) == (state, len(WAYS[state]) + 1)
        assert journal.open_body(payment.id).result() == BODY
        known = journal.open_new(intent(merc_trx_no=payment.merc_trx_no)).result()
        assert getattr(known, "same_data", None) is True
    assert journal.open_answer("old-kept", Asked.APPROVAL).result() == b"declined"
    assert journal.open_body("old-shredded").result() is None
    journal.close()


def test_what_was_owed_before_is_recovered_after(old: Path) -> None:
    """Every debt of the old rows is claimed and can be closed."""
    upgrade(old)
    clock = Clock()
    journal = open_file(old, clock)
    clock.advance(SETTLE + HOLD)
    claims = journal.claim_due(world=WORLD, writer="w", limit=99, hold_seconds=HOLD).result()
    assert len(claims) == 5
    assert {claim.net_cancel_body for claim in claims} == {BODY}
    for claim in claims:
        if claim.payment.state is not State.CANCELLING:
            move(journal, claim.payment, Event.ACKNOWLEDGED_LATE, CHANGES[State.NET_CANCELLED])
    assert fate(journal.open_new(intent()).result()) == "Opened"
    journal.close()


def test_an_upgrade_goes_on_where_another_was_cut_off(old: Path) -> None:
    """Between two steps, each of which is there whole; a last upgrade does nothing."""
    with closing(connect(old, "truncate")) as connection:
        assert _apply(connection, SQL.migrations[1])
        assert not _apply(connection, SQL.migrations[1])
    standing = open_tables(f"sqlite:///{old}").standing()
    assert (standing.schema, standing.is_sum) == (2, True)
    assert standing.missing == tuple(NAMES[2:])
    with pytest.raises(ConfigurationError, match="db upgrade"):
        open_file(old)
    assert upgrade(old) == NAMES[2:]
    assert upgrade(old) == []


def test_whoever_looks_what_is_missing_lets_nobody_else_write(old: Path) -> None:
    """From the look to the end of the step: two can't both find it missing."""
    others: list[str] = []

    def attempt(statement: str) -> None:
        if statement.startswith("PRAGMA user_version"):
            other = sqlite3.connect(old, isolation_level=None, timeout=0)
            try:
                other.execute("BEGIN IMMEDIATE")
                others.append("let in")
            except sqlite3.OperationalError:
                others.append("kept out")
            other.close()

    with closing(connect(old, "truncate")) as connection:
        connection.set_trace_callback(attempt)
        _apply(connection, SQL.migrations[1])
        connection.set_trace_callback(None)
    assert set(others) == {"kept out"}


def test_a_step_that_fails_leaves_nothing_behind(old: Path) -> None:
    """Whatever it did before it failed is undone, and the number stays."""
    step = Migration(2, "0002_wrong", "CREATE TABLE half (x) STRICT;\nALTER TABLE nothing ADD y;")
    before = ask(old, "SELECT * FROM sqlite_schema")
    with closing(connect(old, "truncate")) as connection, pytest.raises(sqlite3.Error):
        _apply(connection, step)
    assert ask(old, "SELECT * FROM sqlite_schema") == before
    assert ask(old, "PRAGMA user_version") == [(1,)]


UPGRADE = """
import sys
from netcancel.journal.opening import open_tables
tables = open_tables("sqlite:///" + sys.argv[1])
tables.standing()
print("ready", flush=True)
sys.stdin.read(1)
print(*tables.upgrade())
"""


def test_upgrades_that_race_make_each_step_once(old: Path) -> None:
    """Six processes at once: together they apply every step exactly once, and none fails."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", UPGRADE, old],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    with ThreadPoolExecutor(6) as pool:
        said = [out for out, _ in pool.map(lambda child: child.communicate("x"), children)]
    assert [child.returncode for child in children] == [0] * 6
    assert sorted(" ".join(said).split()) == NAMES[1:]
    assert open_tables(f"sqlite:///{old}").standing().is_good


def test_a_changed_journal_is_not_upgraded(old: Path) -> None:
    """What somebody took away would be missing for ever."""
    ask(old, "DROP TRIGGER history_is_not_changed")
    standing = open_tables(f"sqlite:///{old}").standing()
    assert (standing.is_sum, standing.missing) == (False, tuple(NAMES[1:]))
    before = old.read_bytes()
    with pytest.raises(ConfigurationError, match="restore it"):
        upgrade(old)
    assert old.read_bytes() == before


def test_guards_go_on_while_a_journal_is_upgraded(old: Path) -> None:
    """A journal that is open writes on after the step, on the same connection."""
    upgrade(old)
    journal = open_file(old)
    payment = open_one(journal)
    as_of_a_newer_release(old, lets_in=SCHEMA)
    move(journal, payment, Event.DECLINE_PROVEN, CHANGES[State.DECLINED])
    open_one(journal)
    journal.close()


def as_of_a_newer_release(path: Path, *, lets_in: int) -> None:
    """Do to a file what the next release's migration could do."""
    for statement in (
        "ALTER TABLE payment ADD COLUMN wish TEXT",
        "CREATE TABLE wishes (wish TEXT) STRICT",
        compatible_from(lets_in),
        f"PRAGMA user_version={SCHEMA + 1}",
    ):
        ask(path, statement)


def test_a_journal_of_the_next_release_may_let_this_one_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says so itself; then payments are made, moved, claimed and read, and it is noticed."""
    path = tmp_path / "journal.db"
    open_file(path).close()
    as_of_a_newer_release(path, lets_in=SCHEMA)
    clock = Clock()
    with caplog.at_level(logging.WARNING, "netcancel"):
        journal = open_file(path, clock)
    assert f"has schema {SCHEMA + 1}, this netcancel knows {SCHEMA}" in caplog.text
    payments = {state: bring_to(journal, state) for state in WAYS}
    for state, payment in payments.items():
        read = journal.read(payment.id).result()
        assert read is not None
        assert read.state is state
    clock.advance(SETTLE + HOLD)
    claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    assert len(claims) == 5
    journal.note(payments[State.ESCALATED], Event.LATE_APPROVAL, "w", Change(note="x")).result()
    assert len(journal.page(after=None, limit=99).result()) == len(WAYS)
    journal.close()
    tables = open_tables(f"sqlite:///{path}")
    assert (tables.standing().is_newer, tables.upgrade()) == (True, [])


def test_a_journal_of_the_next_release_may_refuse_this_one(tmp_path: Path) -> None:
    """Whoever opens it is told to upgrade, and an open journal that connects anew likewise."""
    path = tmp_path / "journal.db"
    open_file(path).close()
    as_of_a_newer_release(path, lets_in=SCHEMA + 1)
    for create in (True, False):
        with pytest.raises(ConfigurationError, match="newer netcancel"):
            open_file(path, create=create)
    with pytest.raises(ConfigurationError, match="newer netcancel"):
        open_tables(f"sqlite:///{path}").standing()


@pytest.mark.parametrize(
    ("schema", "lets_in", "sentence"),
    [
        (SCHEMA - 1, None, "db upgrade"),
        (SCHEMA - 1, b"1", "db upgrade"),
        (SCHEMA + 1, None, "newer netcancel"),
        (SCHEMA + 1, b"", "newer netcancel"),
        (SCHEMA + 1, b"any", "newer netcancel"),
        (SCHEMA + 1, str(SCHEMA + 1).encode(), "newer netcancel"),
        (SCHEMA + 9, str(SCHEMA).encode(), None),
        (SCHEMA + 1, b"1", None),
        (SCHEMA, None, None),
    ],
)
def test_who_may_work_on_a_schema(schema: int, lets_in: bytes | None, sentence: str | None) -> None:
    """Exactly ours, or a newer one that says so; never an older one."""
    if sentence is None:
        check_schema(schema, lets_in, "the journal")
        refuse_newer(schema, lets_in, "the journal")
    else:
        with pytest.raises(ConfigurationError, match=sentence):
            check_schema(schema, lets_in, "the journal")
