"""A journal's file: how it is made, and how every connection to it is held."""

import os
from pathlib import Path

import pytest

from netcancel.core.payment import Known
from netcancel.errors import ConfigurationError
from netcancel.journal import open_journal
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.sqlite_file import APPLICATION_ID, connect, journal_mode
from tests.journal.samples import HOLD, KEY, WORLD, Clock, intent, open_file, open_one, vault
from tests.journal.sqlite.files import MODES, run_sql


def test_a_new_file_is_private_and_marked(made: Path) -> None:
    """Mode 0600 whatever the umask, our mark, our schema number."""
    assert made.stat().st_mode & 0o777 == 0o600
    assert run_sql(made, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert run_sql(made, "PRAGMA user_version") == [(SCHEMA,)]


def test_a_loose_umask_opens_nothing(path: Path) -> None:
    """Even where the process's files are everybody's, the journal's are not."""
    before = os.umask(0)
    try:
        journal = open_file(path)
        open_one(journal)
        modes = {each.stat().st_mode & 0o777 for each in path.parent.iterdir()}
        journal.close()
    finally:
        os.umask(before)
    assert modes == {0o600}


def test_a_relative_path_stays_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process may change its directory; the journal doesn't move."""
    monkeypatch.chdir(tmp_path)
    journal = open_journal("sqlite:///relative.db", vault_key=KEY)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    open_one(journal)
    journal.close()
    assert [each.name for each in tmp_path.glob("*.db")] == ["relative.db"]


@pytest.mark.parametrize("is_empty", [False, True])
def test_workers_never_create_a_journal(
    path: Path, monkeypatch: pytest.MonkeyPatch, *, is_empty: bool
) -> None:
    """Neither a file nor a schema in an empty one nor a key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(path.parent))
    if is_empty:
        path.touch(0o600)
    with pytest.raises(ConfigurationError, match="never create one"):
        open_file(path, create=False)
    wanted = "there is no vault key" if is_empty else "never create one"
    with pytest.raises(ConfigurationError, match=wanted):
        open_file(path, create=False, vault_key=None)
    assert [each.name for each in path.parent.iterdir()] == [path.name] * is_empty
    assert not is_empty or path.stat().st_size == 0


def test_no_key_is_made_for_a_journal_that_has_one(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a host without its key, a journal isn't opened and no useless key is left behind."""
    monkeypatch.setenv("XDG_STATE_HOME", str(made.parent))
    with pytest.raises(ConfigurationError, match="there is no vault key"):
        open_file(made, vault_key=None)
    assert not (made.parent / "netcancel").exists()


@pytest.mark.parametrize("mode", MODES)
def test_every_connection_is_durable(path: Path, mode: str) -> None:
    """What SQLite keeps for each connection is set on each."""
    open_sqlite(path, vault(), Clock(), create=True, mode=mode).close()
    connection = connect(path, mode)
    expected = {
        "journal_mode": mode,
        "synchronous": 2,
        "secure_delete": 1,
        "foreign_keys": 1,
        "trusted_schema": 0,
        "recursive_triggers": 1,
    }
    found = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in expected}
    connection.close()
    assert found == expected


@pytest.mark.parametrize(
    ("version", "mode"),
    [
        ((3, 37, 0), "truncate"),
        ((3, 40, 1), "truncate"),
        ((3, 51, 2), "truncate"),
        ((3, 51, 3), "wal"),
        ((3, 52, 0), "wal"),
        ((4, 0, 0), "wal"),
    ],
)
def test_the_log_is_used_only_where_it_is_safe(version: tuple[int, ...], mode: str) -> None:
    """WAL from SQLite 3.51.3, before that TRUNCATE."""
    assert journal_mode(version) == mode


def test_a_file_in_another_mode_comes_to_ours(path: Path) -> None:
    """A newer SQLite's log is folded in when nobody else holds it."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="wal")
    payment = open_one(journal)
    journal.close()
    journal = open_sqlite(path, vault(), Clock(), create=False, mode="truncate")
    assert journal.read(payment.id).result() is not None
    journal.close()


def test_a_file_that_others_hold_in_another_mode_is_refused(path: Path) -> None:
    """Two processes with different SQLites would not see each other's locks alike."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="wal")
    open_one(journal)
    with pytest.raises(ConfigurationError, match="locked"):
        open_sqlite(path, vault(), Clock(), create=False, mode="truncate")
    journal.close()


def test_two_journals_on_one_file_agree(path: Path) -> None:
    """One's payments are the other's; a claim of one is no other's."""
    clock = Clock()
    first, second = open_file(path, clock), open_file(path, clock)
    payment = open_one(first)
    known = second.open_new(intent(merc_trx_no=payment.merc_trx_no)).result()
    assert isinstance(known, Known)
    assert known.same_data
    clock.advance(HOLD)
    claims = [
        journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
        for journal in (second, first)
    ]
    assert [len(each) for each in claims] == [1, 0]
    first.close()
    second.close()
