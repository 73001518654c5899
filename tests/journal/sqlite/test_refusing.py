"""Which files, file systems and URLs are refused as a journal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from netcancel.errors import ConfigurationError
from netcancel.journal import open_journal
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite_file import file_system_of, is_network
from tests.journal.samples import KEY, OTHER_KEY, compatible_from, open_file
from tests.journal.sqlite.files import run_sql

MOUNTS = """\
21 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 21 0:27 / /srv rw - nfs4 server:/export rw
31 30 254:1 / /srv/local rw shared:3 master:1 - xfs /dev/vdb rw
32 21 0:40 / /mnt/my\\040disk rw - fuse.sshfs user@host: rw
33 21 0:41 / /twice rw - ext4 /dev/vdc rw
34 33 0:42 / /twice rw - cifs //host/share rw
"""


@pytest.mark.parametrize(
    ("place", "file_system"),
    [
        ("/", "ext4"),
        ("/srvlike", "ext4"),
        ("/srv", "nfs4"),
        ("/srv/deep/er", "nfs4"),
        ("/srv/local/x", "xfs"),
        ("/mnt/my disk", "fuse.sshfs"),
        ("/mnt/my", "ext4"),
        ("/twice/x", "cifs"),
    ],
)
def test_the_mount_that_holds_a_path_is_found(place: str, file_system: str) -> None:
    """The deepest one; of two on one point, the later."""
    assert file_system_of(place, MOUNTS) == file_system


@pytest.mark.parametrize(
    ("file_system", "refused"),
    [(name, True) for name in "nfs nfs4 cifs smb3 9p virtiofs ceph fuse.sshfs fuse.any".split()]
    + [(name, False) for name in "ext4 xfs btrfs zfs tmpfs overlay fuseblk".split()]
    + [("fuse.fuse-overlayfs", False), ("", False)],
)
def test_network_file_systems_are_known(file_system: str, *, refused: bool) -> None:
    """They can't be relied on for locks and syncs."""
    assert is_network(file_system) == refused


def not_a_database(path: Path) -> None:
    """Put a text there."""
    path.write_bytes(b"this is no database, but long enough to be looked at" * 100)


def of_another_program(path: Path) -> None:
    """Make a database with a table of its own."""
    run_sql(path, "CREATE TABLE theirs (x)")


def of_a_newer_netcancel(path: Path) -> None:
    """Raise the schema number, and with it the oldest code that may work on it."""
    open_file(path).close()
    run_sql(path, f"PRAGMA user_version={SCHEMA + 1}", compatible_from(SCHEMA + 1))


def without_a_trigger(path: Path) -> None:
    """Drop a guard."""
    open_file(path).close()
    run_sql(path, "DROP TRIGGER history_is_not_changed")


def without_its_mark(path: Path) -> None:
    """Forget the key."""
    open_file(path).close()
    run_sql(path, "DELETE FROM meta")


def with_another_key(path: Path) -> None:
    """Make it with a key that isn't ours."""
    open_file(path, vault_key=OTHER_KEY).close()


def readable_by_others(path: Path) -> None:
    """Let the group read it."""
    open_file(path).close()
    path.chmod(0o640)


def writable_by_others(path: Path) -> None:
    """Let the world write it."""
    open_file(path).close()
    path.chmod(0o602)


def a_directory(path: Path) -> None:
    """Put a directory there."""
    path.mkdir()


def torn(path: Path) -> None:
    """Lose all but the first page."""
    open_file(path).close()
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(len(content) - 4096))


SPOILED: dict[Callable[[Path], None], str] = {
    not_a_database: "not a database",
    of_another_program: "another program",
    of_a_newer_netcancel: "newer netcancel",
    without_a_trigger: "changed the tables",
    without_its_mark: "lost its key",
    with_another_key: "another vault key",
    readable_by_others: "chmod 600",
    writable_by_others: "chmod 600",
    a_directory: "not a file",
    torn: "can't be used|changed the tables",
}


@pytest.mark.parametrize(
    ("spoil", "sentence"), SPOILED.items(), ids=[spoil.__name__ for spoil in SPOILED]
)
def test_a_file_that_can_not_be_used_is_refused(
    path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    """At the start, with a sentence, and without changing it."""
    spoil(path)
    if path.is_file() and spoil not in (readable_by_others, writable_by_others):
        path.chmod(0o600)
    before = None if path.is_dir() else path.read_bytes()
    with pytest.raises(ConfigurationError, match=sentence):
        open_file(path)
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize(
    "url",
    [
        "",
        "journal.db",
        "sqlite://",
        "sqlite:///",
        "sqlite://journal.db",
        "sqlite:///:memory:",
        "sqlite:///x.db?mode=ro",
        "sqlite:///x/",
        "sqlite:///a\0b",
        "SQLITE:///x.db",
        "memory:///",
        "postgres://host/db",
        "oracle://host/db",
        "file:///x.db",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    """With the forms that are supported."""
    with pytest.raises(ConfigurationError, match=r"sqlite:///relative\.db"):
        open_journal(url, vault_key=KEY)


def test_a_path_without_a_directory_is_refused(tmp_path: Path) -> None:
    """A mistyped directory isn't made."""
    with pytest.raises(ConfigurationError, match="no directory"):
        open_file(tmp_path / "nowhere" / "journal.db")
