"""Files that others can read or replace, each made so for real."""

from __future__ import annotations

import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from netcancel.doctor import Level
from netcancel.doctor.files import files
from netcancel.journal.master_key import key_file, master_key
from tests.canaries import SECRET
from tests.doctor.conftest import level_of, not_ok
from tests.journal.samples import open_file
from tests.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel.settings import Settings
    from tests.doctor.conftest import Load


@pytest.fixture
def settings(load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings with a secret's file, a key file and a journal, all as they should be."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    master_key()
    (tmp_path / "journal").mkdir(mode=0o700)
    open_file(tmp_path / "journal" / "journal.db").close()
    (tmp_path / "etc").mkdir(mode=0o700)
    secret = tmp_path / "etc" / "secret"
    secret.write_text(SECRET)
    secret.chmod(0o600)
    return load(
        secret_key=None,
        secret_key_file=secret,
        vault_key=None,
        journal=f"sqlite:///{tmp_path}/journal/journal.db",
    )


def test_nothing_is_wrong(settings: Settings) -> None:
    """Each file has its line, and each directory."""
    lines = list(files(settings))
    assert not_ok(lines) == []
    for words in ("etc/secret has", "vault.key has", "journal.db has", "etc has", "netcancel has"):
        assert level_of(lines, words) is Level.OK


@pytest.mark.parametrize(
    ("name", "mode", "level"),
    [
        ("etc/secret", 0o604, Level.FAIL),
        ("etc/secret", 0o640, Level.WARN),
        ("etc/secret", 0o620, Level.FAIL),
        ("state/netcancel/vault.key", 0o640, Level.FAIL),
        ("state/netcancel", 0o770, Level.WARN),
        ("state/netcancel", 0o702, Level.FAIL),
        ("state/netcancel", 0o1777, Level.OK),
        ("journal/journal.db", 0o644, Level.FAIL),
        ("journal", 0o777, Level.FAIL),
    ],
)
def test_what_others_can_reach_is_told(
    settings: Settings, tmp_path: Path, name: str, mode: int, level: Level
) -> None:
    """With its mode, and the command that mends it."""
    (tmp_path / name).chmod(mode)
    lines = list(files(settings))
    assert level_of(lines, f"{name} has mode {mode:04o}") is level
    assert len(not_ok(lines)) == (level is not Level.OK)
    assert all("chmod" in line.advice for line in lines if line.level is not Level.OK)


def test_a_log_beside_the_journal_is_looked_at(settings: Settings, tmp_path: Path) -> None:
    """What SQLite keeps beside it holds the same data."""
    (tmp_path / "journal" / "journal.db-wal").touch(mode=0o644)
    assert level_of(files(settings), "journal.db-wal has mode 0644") is Level.FAIL


def test_a_settings_file_with_a_secret_is_looked_at(load: Load, tmp_path: Path) -> None:
    """One without may be read by anybody."""
    (tmp_path / "netcancel.toml").touch(mode=0o644)
    assert not_ok(files(load(toml="settle_seconds = 60"))) == []
    settings = load(toml=f'previous_secret_key = "{SECRET}"')
    assert level_of(files(settings), "netcancel.toml has mode 0644") is Level.FAIL


def test_roots_files_may_be_read_by_a_group(settings: Settings, tmp_path: Path) -> None:
    """A user who isn't root reads a secret of root's as one of its group, and can't replace it."""
    if os.geteuid() != 0:
        missing("root, to own a file")
    (tmp_path / "etc" / "secret").chmod(0o640)
    assert not_ok(files(settings, user=4711)) == []
    (tmp_path / "etc" / "secret").chmod(0o660)
    lines = [line for line in files(settings, user=4711) if line.level is Level.FAIL]
    assert [line.advice for line in lines] == [f"chmod o=,g-w {tmp_path}/etc/secret"]


def test_a_file_that_cannot_be_reached_is_told(settings: Settings, tmp_path: Path) -> None:
    """And the others are looked at all the same."""
    secret = tmp_path / "etc" / "secret"
    secret.unlink()
    secret.symlink_to(secret)
    lines = list(files(settings))
    assert level_of(lines, "Too many levels of symbolic links") is Level.FAIL
    assert level_of(lines, "journal.db has mode 0600") is Level.OK


def test_where_a_link_leads_is_looked_at_too(settings: Settings, tmp_path: Path) -> None:
    """Whoever can replace the file behind it needs not replace the link."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    elsewhere.chmod(0o777)
    secret = tmp_path / "etc" / "secret"
    secret.rename(elsewhere / "secret")
    secret.symlink_to(elsewhere / "secret")
    assert level_of(files(settings), "elsewhere has mode 0777") is Level.FAIL


def test_files_of_a_stranger_are_told(settings: Settings, tmp_path: Path) -> None:
    """Whoever owns a file can replace it."""
    if os.geteuid() != 0:
        missing("root, to give a file away")
    os.chown(tmp_path / "etc" / "secret", 4711, -1)
    assert level_of(files(settings), "etc/secret belongs to user 4711") is Level.FAIL
    os.chown(key_file().parent, 4711, -1)
    assert level_of(files(settings), "state/netcancel belongs to user 4711") is Level.FAIL


@contextmanager
def kept_from_writing(place: Path) -> Iterator[None]:
    """Let this user, be it root, write nothing in a directory for a while."""
    if os.geteuid() != 0:
        place.chmod(0o500)
        yield
        place.chmod(0o700)
        return
    if subprocess.run(["mount", "--bind", place, place], check=False).returncode != 0:  # noqa: S607  wherever it is
        missing("the right to mount")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", place], check=True)  # noqa: S607  likewise
        yield
    finally:
        subprocess.run(["umount", place], check=True)  # noqa: S607  likewise


def test_a_directory_that_takes_no_files_is_told(settings: Settings, tmp_path: Path) -> None:
    """SQLite can't commit without its own file beside the journal."""
    with kept_from_writing(tmp_path / "journal"):
        assert level_of(files(settings), "this user can't write in") is Level.FAIL


def test_a_journal_of_another_kind_has_no_file(load: Load) -> None:
    """Whatever the URL says is the journal's own check."""
    for url in ("memory://", "postgresql://db.example/shop", "nonsense"):
        assert list(files(load(journal=url))) == []
