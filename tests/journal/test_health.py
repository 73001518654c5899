"""What a journal says of itself, and that asking changes nothing."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest

from netcancel.errors import ConfigurationError
from netcancel.journal.opening import open_as_found, open_journal
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite import Session, open_sqlite
from netcancel.journal.sqlite_file import connect, mode_as_found
from tests.journal.samples import KEY, OTHER_KEY, Clock, open_file, open_one, vault

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.journal import Fact


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the file of an empty journal."""
    path = tmp_path / "journal.db"
    open_file(path).close()
    return path


def told(path: Path, *statements: str, mode: str = "truncate") -> dict[str, Fact]:
    """Return what a session says in which somebody did this before."""
    connection = connect(path, mode)
    for statement in statements:
        connection.execute(statement)
    session = Session(connection, mode, Clock())
    facts = {fact.name: fact for fact in session.health(0).facts}
    session.close()
    return facts


def test_a_sound_journal_holds_all_that_it_must(path: Path) -> None:
    """Version, schema, mode, syncs and the file: as the database says it."""
    facts = told(path)
    assert all(fact.holds for fact in facts.values())
    assert facts["SQLite"].found == sqlite3.sqlite_version
    assert {name: fact.found for name, fact in facts.items() if fact.must_be is not None} == {
        "schema": str(SCHEMA),
        "journal mode": "truncate",
        "synchronous": "FULL",
        "secure_delete": "on",
        "file's mode": "0600",
    }


@pytest.mark.parametrize(
    ("statement", "name", "found"),
    [
        ("PRAGMA synchronous=NORMAL", "synchronous", "NORMAL"),
        ("PRAGMA synchronous=OFF", "synchronous", "OFF"),
        ("PRAGMA secure_delete=OFF", "secure_delete", "off"),
        ("PRAGMA secure_delete=FAST", "secure_delete", "fast"),
        ("PRAGMA journal_mode=MEMORY", "journal mode", "memory"),
        ("PRAGMA journal_mode=DELETE", "journal mode", "delete"),
        ("PRAGMA user_version=7", "schema", "7"),
    ],
)
def test_what_is_in_force_is_read_back(path: Path, statement: str, name: str, found: str) -> None:
    """A session that is held in another way says so, and what to do."""
    facts = told(path, statement)
    assert (facts[name].found, facts[name].holds) == (found, False)
    assert facts[name].advice
    assert [fact.name for fact in facts.values() if not fact.holds] == [name]


def test_a_file_that_others_can_read_is_told(path: Path) -> None:
    """Also where it was made readable after it was opened."""
    connection = connect(path, "truncate")
    path.chmod(0o644)
    session = Session(connection, "truncate", Clock())
    facts = {fact.name: fact for fact in session.health(0).facts}
    session.close()
    assert (facts["file's mode"].found, facts["file's mode"].holds) == ("0644", False)


@pytest.mark.parametrize("mode", ["truncate", "wal"])
def test_a_file_says_how_it_is_held(path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked with a SQLite that may hold it so, the file's mode stays."""
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 3))
    open_sqlite(path, vault(), Clock(), create=False, mode=mode).close()
    before = path.read_bytes()
    assert mode_as_found(path) == mode
    open_as_found(f"sqlite:///{path}", vault_key=KEY).close()
    assert path.read_bytes() == before


def test_a_log_that_this_sqlite_can_damage_is_left_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file in WAL mode is not opened, and not converted, by an SQLite before 3.51.3."""
    open_sqlite(path, vault(), Clock(), create=False, mode="wal").close()
    before = path.read_bytes()
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    with pytest.raises(ConfigurationError, match="the same SQLite"):
        open_as_found(f"sqlite:///{path}", vault_key=KEY)
    assert path.read_bytes() == before


def test_what_a_crash_left_half_done_is_undone(path: Path, tmp_path: Path) -> None:
    """A commit that was broken off is rolled back by whoever opens the file first."""
    connection = connect(path, "truncate")
    connection.execute("PRAGMA cache_size=2")
    connection.execute("BEGIN IMMEDIATE")
    rows = ((f"name {n}", bytes(4000)) for n in range(100))
    connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
    crashed = tmp_path / "crashed" / "journal.db"
    crashed.parent.mkdir()
    for ending in ("", "-journal"):
        copied = crashed.with_name(crashed.name + ending)
        copied.write_bytes(path.with_name(path.name + ending).read_bytes())
        copied.chmod(0o600)
    connection.close()
    assert b"name 1" in crashed.read_bytes()
    journal = open_as_found(f"sqlite:///{crashed}", vault_key=KEY)
    assert all(fact.holds for fact in journal.health().result().facts)
    journal.close()
    assert b"name 1" not in crashed.read_bytes()


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """Neither a file where none is, nor a journal in an empty one."""
    path = tmp_path / "journal.db"
    with pytest.raises(ConfigurationError, match="there is no journal"):
        open_as_found(f"sqlite:///{path}", vault_key=KEY)
    assert list(tmp_path.iterdir()) == []
    path.touch(mode=0o600)
    with pytest.raises(ConfigurationError, match="is empty"):
        open_as_found(f"sqlite:///{path}", vault_key=KEY)
    path.write_bytes(b"not a database, and long enough to be seen as none" * 20)
    with pytest.raises(ConfigurationError, match="not a database"):
        open_as_found(f"sqlite:///{path}", vault_key=KEY)


def test_the_key_is_the_journals(path: Path) -> None:
    """Another key opens nothing, and a journal that is there is read."""
    with pytest.raises(ConfigurationError, match="another vault key"):
        open_as_found(f"sqlite:///{path}", vault_key=OTHER_KEY)
    journal = open_as_found(f"sqlite:///{path}", vault_key=KEY)
    payment = open_one(journal)
    assert journal.read(payment.id).result() is not None
    journal.close()


def test_nothing_in_memory_lasts() -> None:
    """A journal in memory says so itself."""
    journal = open_journal("memory://")
    facts = journal.health().result().facts
    journal.close()
    assert [fact.holds for fact in facts] == [False]
