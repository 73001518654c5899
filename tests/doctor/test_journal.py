"""A journal that is away, foreign, unsafe or on a full disk, each made for real."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from netcancel.doctor import Level, Line, examine
from netcancel.doctor.examination import bounded
from netcancel.doctor.journal import journal, soundness
from netcancel.doctor.line import ok
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal.master_key import master_key
from netcancel.journal.opening import open_journal
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite import open_sqlite
from tests.doctor.conftest import level_of, not_ok
from tests.journal.samples import KEY, OTHER_KEY, Clock, open_file, vault
from tests.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.doctor.conftest import Load


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the file of the journal that the settings name, which is there and empty."""
    path = tmp_path / "journal.db"
    open_file(path).close()
    return path


@pytest.mark.usefixtures("path")
def test_a_sound_journal_gets_no_warning(load: Load) -> None:
    """The key, what is in force, the disk, the clock and the payments each have their lines."""
    lines = list(journal(load()))
    for words in (
        "is there, from NETCANCEL_VAULT_KEY",
        "the key opens the journal",
        f"SQLite: {sqlite3.sqlite_version}",
        f"schema: {SCHEMA}",
        "journal mode: truncate",
        "synchronous: FULL",
        "secure_delete: on",
        "file's mode: 0600",
        "file system: ",
        "the journal's clock and this host's agree",
        "none waits for a person",
        "0 are in doubt",
        "nothing is left due",
    ):
        assert level_of(lines, words) is Level.OK
    may_be = ("MiB are free", "nobody was seen")  # the machine's disk, and that no worker runs here
    assert [text for text in not_ok(lines) if not any(each in text for each in may_be)] == []


def test_looking_changes_nothing(load: Load, path: Path) -> None:
    """What is there stays as it is."""
    before = path.read_bytes()
    list(examine(load(base_url="http://127.0.0.1:1")))
    assert path.read_bytes() == before


def test_looking_makes_nothing(load: Load, tmp_path: Path) -> None:
    """Neither a journal nor a key."""
    lines = list(examine(load(base_url="http://127.0.0.1:1", vault_key=None)))
    assert level_of(lines, "there is no journal") is Level.FAIL
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_named(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no setting has the key, the line says where it lies."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    master_key()
    open_journal(f"sqlite:///{tmp_path}/journal.db").close()
    assert level_of(journal(load(vault_key=None)), "from the key file") is Level.OK


def refused(load: Load, **changes: object) -> str:
    """Return the sentence with which a look at the journal ends."""
    with pytest.raises(ConfigurationError) as caught:
        list(journal(load(**changes)))
    return str(caught.value)


def test_a_journal_that_cannot_be_used_is_told(
    load: Load, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another key, no key, a mode that others can read by, a newer schema, another program's."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "empty"))
    assert "another vault key" in refused(load, vault_key=OTHER_KEY)
    assert "there is no vault key" in refused(load, vault_key=None)
    path.chmod(0o644)
    assert "chmod 600" in refused(load)
    path.chmod(0o600)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.execute("UPDATE meta SET value = CAST('99' AS BLOB) WHERE name = 'compatible_from'")
    connection.commit()
    connection.close()
    assert "schema 99" in refused(load)
    path.write_bytes(b"")
    assert "is empty" in refused(load)
    assert "a journal is one of" in refused(load, journal="nonsense")


def test_a_log_that_this_sqlite_can_damage_is_told(
    load: Load, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes with different SQLites hold the same file."""
    open_sqlite(path, vault(), Clock(), create=False, mode="wal").close()
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 40, 1))
    assert "WAL mode" in refused(load)


def test_a_journal_in_memory_is_told(load: Load) -> None:
    """Nothing in it outlives its process."""
    assert level_of(journal(load(journal="memory://")), "lasts: ") is Level.FAIL


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [(0.0, Level.OK, "agree"), (5.0, Level.WARN, "s ahead of"), (-60.0, Level.FAIL, "s behind")],
)
def test_the_journals_clock_is_compared(
    path: Path, seconds: float, level: Level, words: str
) -> None:
    """A server's clock is another than this host's."""
    opened = open_journal(f"sqlite:///{path}", vault_key=KEY, clock=lambda: time.time() + seconds)
    lines = [line for line in soundness(opened) if line.check == "clock"]
    opened.close()
    assert level_of(lines, words) is level


@contextmanager
def disk(place: Path, mebibytes: int) -> Iterator[None]:
    """Put a small disk at a place."""
    place.mkdir()
    options = f"size={mebibytes}m,mode=0700"
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, check=False).returncode != 0:
        missing("the right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)  # noqa: S607  wherever it is


@pytest.mark.parametrize(("mebibytes", "level"), [(8, Level.FAIL), (200, Level.WARN)])
def test_a_small_disk_is_told(tmp_path: Path, load: Load, mebibytes: int, level: Level) -> None:
    """Little room is worth a look, hardly any is a fault."""
    with disk(tmp_path / "disk", mebibytes):
        open_file(tmp_path / "disk" / "journal.db").close()
        lines = list(journal(load(journal=f"sqlite:///{tmp_path}/disk/journal.db")))
    assert level_of(lines, "MiB are free in") is level


@pytest.mark.parametrize(
    ("warns", "fails", "level"),
    [(0, 0, Level.OK), (2**62, 0, Level.WARN), (2**62, 2**62, Level.FAIL)],
)
def test_room_is_measured_against_a_reserve(
    path: Path, warns: int, fails: int, level: Level
) -> None:
    """Whatever this machine has."""
    opened = open_file(path, Clock())
    lines = list(soundness(opened, warn_bytes=warns, fail_bytes=fails))
    opened.close()
    assert level_of(lines, "MiB are free in") is level


def test_a_check_that_hangs_holds_up_nobody() -> None:
    """What it said in time counts, and that it said no more."""
    over = threading.Event()

    def hangs() -> Iterator[Line]:
        yield ok("disk", "it spins")
        over.wait()

    lines = bounded("disk", hangs, seconds=0.2)
    over.set()
    assert level_of(lines, "it spins") is Level.OK
    assert level_of(lines, "no answer within 0.2 s") is Level.FAIL


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (JournalUnavailable("the journal can't be read"), "the journal can't be read"),
        (PermissionError(13, "Permission denied", "/etc/secret"), "/etc/secret: Permission denied"),
        (OSError("odd"), "this host: odd"),
    ],
)
def test_a_check_that_cannot_go_on_says_why(error: Exception, words: str) -> None:
    """After what it said before."""

    def breaks() -> Iterator[Line]:
        yield ok("disk", "it spins")
        raise error

    lines = bounded("disk", breaks)
    assert level_of(lines, "it spins") is Level.OK
    assert level_of(lines, words) is Level.FAIL


def test_a_bug_in_a_check_is_no_finding() -> None:
    """It is raised where somebody hears of it."""

    def breaks() -> list[Line]:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        bounded("disk", breaks)
