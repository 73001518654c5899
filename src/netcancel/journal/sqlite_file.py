"""A journal's file on disk: where it may lie, and how SQLite must hold it.

The file is never opened and closed by anything but SQLite once a journal is in it: a close drops
all POSIX locks that this process has on it.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from netcancel.errors import ConfigurationError
from netcancel.journal.migrations import COMPATIBLE_FROM, refuse_newer
from netcancel.journal.rows import SCHEMA
from netcancel.journal.statements import Dialect, Query

OpenFile = Callable[[Path], sqlite3.Connection]
"""How SQLite opens a file that is there: Python's own does, or one that a proof watches."""

APPLICATION_ID: Final = 0x6E65_7463
"""The file's mark: "netc"."""

SQL: Final = Dialect("sqlite", "?")

BUSY_SECONDS: Final = 3.0
"""How long to wait for another process's commit; less than the budget of a commit."""

OLDEST_SQLITE: Final = (3, 37, 0)
"""STRICT tables and RETURNING."""

FIRST_SAFE_WAL: Final = (3, 51, 3)
"""Older ones can damage a file when they reset the write-ahead log."""

NETWORK_FILE_SYSTEMS: Final = frozenset(
    (
        "9p",
        "acfs",
        "afs",
        "beegfs",
        "ceph",
        "cifs",
        "coda",
        "davfs",
        "fhgfs",
        "gfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "lustre",
        "ncpfs",
        "nfs",
        "nfs4",
        "ocfs2",
        "orangefs",
        "pvfs2",
        "smb2",
        "smb3",
        "smbfs",
        "vboxsf",
        "virtiofs",
        "vmhgfs",
    )
)
LOCAL_FUSE: Final = frozenset({"fuse.fuse-overlayfs", "fuse.lxcfs"})
"""Of what programs serve as file systems, only these are known to lock as a disk does."""

_PRAGMAS: Final = {
    "synchronous": 2,  # FULL: a commit is on the disk
    "secure_delete": 1,  # what is shredded is overwritten
    "foreign_keys": 1,
    "trusted_schema": 0,
    "recursive_triggers": 1,  # REPLACE would else get past the triggers that guard the history
    "temp_store": 2,  # no temporary files
}
_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


def journal_mode(version: tuple[int, ...]) -> str:
    """Return the journal mode that is durable and safe with this version of SQLite."""
    return "wal" if version >= FIRST_SAFE_WAL else "truncate"


def open_file(path: Path) -> sqlite3.Connection:
    """Open a file that is there, with Python's own SQLite."""
    uri = f"file:{quote(str(path))}?mode=rw"
    # Used by one thread at a time, but closed by another one before a fork.
    return sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def connect(path: Path, mode: str, opens: OpenFile = open_file) -> sqlite3.Connection:
    """Open the file as a journal must be held, and refuse it where SQLite doesn't comply."""
    _check_modes(path)
    connection = opens(path)
    try:
        _check_owner(connection, path)
        _set_pragmas(connection, path, mode)
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    connection.text_factory = read_text
    return connection


def sync_log(connection: sqlite3.Connection) -> None:
    """Make durable what was done to the write-ahead log; nobody holds locks on that file."""
    query = "SELECT file FROM pragma_database_list WHERE name = 'main'"
    (path,) = connection.execute(query).fetchone()
    descriptor = os.open(f"{path}-wal", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_text(content: bytes) -> str:
    """Read a text; a damaged one must not keep the rows beside it from being read."""
    return content.decode("utf-8", "backslashreplace")


def mode_as_found(path: Path) -> str:
    """Return the mode to hold a file in that is there, so that it stays as it is.

    Raises `ConfigurationError` for a file that can't be read, or can't be held safely so.
    """
    _check_modes(path)
    try:
        # Not for reading only: SQLite may first have to undo what a crash left half done.
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=rw", uri=True, timeout=BUSY_SECONDS
        )
        try:
            found = pragma(connection, "journal_mode")
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ConfigurationError(f"the journal {path} can't be used: {error}") from None
    if found == "wal" and sqlite3.sqlite_version_info < FIRST_SAFE_WAL:
        raise ConfigurationError(
            f"{path} is held in WAL mode by a newer SQLite, and this one ({sqlite3.sqlite_version})"
            " can damage it so: give every process of the journal the same SQLite"
        )
    return "wal" if found == "wal" else "truncate"


def file_system_at(directory: Path) -> str:
    """Return the type of the file system that holds a directory; "" where nothing tells it."""
    try:
        mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # not Linux: nothing is known of its mounts
    return file_system_of(str(directory), mountinfo)


def file_system_of(path: str, mountinfo: str) -> str:
    """Return the type of the file system that holds an absolute path; "" if none does.

    `mountinfo` is the text of /proc/self/mountinfo. A later mount covers an earlier one.
    """
    best, found = -1, ""
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), left.split(" ")[4])
        below = point.rstrip("/") + "/"
        if f"{path}/".startswith(below) and len(below) >= best:
            best, found = len(below), right.split(" ")[0]
    return found


def is_network(file_system: str) -> bool:
    """Whether locks and syncs on a file system of this type can't be relied on."""
    is_served = file_system.startswith("fuse.") and file_system not in LOCAL_FUSE
    return is_served or file_system in NETWORK_FILE_SYSTEMS


def make_place(path: Path, *, create: bool) -> None:
    """Check where the file may lie, and make it, empty, where `create` says so and it isn't there.

    Raises `ConfigurationError`.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigurationError("netcancel needs SQLite 3.37 or newer")
    _check_place(path)
    if create:
        _make_file(path)


def _check_place(path: Path) -> None:
    if not path.parent.is_dir():
        raise ConfigurationError(f"there is no directory {path.parent} for the journal: make it")
    file_system = file_system_at(path.parent)
    if is_network(file_system):
        raise ConfigurationError(
            f"{path} lies on a network file system ({file_system}), where SQLite can't lock:"
            " put it on a local disk"
        )


def _make_file(path: Path) -> None:
    """Make an empty file that only we can read, before SQLite makes one that others can."""
    if path.exists():
        return
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        os.close(os.open(path, flags, 0o600))
    except FileExistsError:
        return  # another process was first
    except OSError as error:
        raise ConfigurationError(f"the journal {path} can't be made: {error.strerror}") from None


def _check_modes(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigurationError(f"the journal {path}: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        raise ConfigurationError(f"{path} is not a file")
    if not os.access(path, os.R_OK | os.W_OK):
        # SQLite would open it for reading without a word, and keep it so.
        raise ConfigurationError(f"the journal {path} can't be read and written by this user")
    if status.st_mode & 0o077:
        raise ConfigurationError(f"others can read or write the journal: chmod 600 {path}")


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse another program's file, or a newer netcancel's, before anything is changed in it."""
    connection.execute("BEGIN")  # one view of all three: another process may be filling the file
    application = pragma(connection, "application_id")
    version = pragma(connection, "user_version")
    is_new = (application, version) == (0, 0) and not objects_of(connection)
    connection.execute("COMMIT")
    if application != APPLICATION_ID and not is_new:
        raise ConfigurationError(f"{path} is a database of another program")
    if version > SCHEMA:
        refuse_newer(version, meta(connection, COMPATIBLE_FROM), str(path))


def _set_pragmas(connection: sqlite3.Connection, path: Path, mode: str) -> None:
    """Set what holds for this connection only, and read back that it is in force."""
    found = pragma(connection, f"journal_mode={mode}")
    if found != mode:
        raise ConfigurationError(f"{path} is in journal mode {found}; it must be {mode}")
    for name, value in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")
        if pragma(connection, name) != value:
            raise ConfigurationError(f"this SQLite can't set {name} to {value}")


def meta(connection: sqlite3.Connection, name: str) -> bytes | None:
    """Return what the journal says of itself; None: nothing under this name."""
    read = SQL.load(Query.READ_META)
    row = connection.execute(read.text, read.bind({"name": name})).fetchone()
    return None if row is None else bytes(row[0])


def objects_of(
    connection: sqlite3.Connection, tables: frozenset[str] | None = None
) -> list[tuple[Any, ...]]:
    """Return tables, and what belongs to them: `tables`, or all."""
    query = (
        "SELECT tbl_name, type, name, sql FROM sqlite_schema"
        " WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 2, 3"
    )
    rows = (tuple(row) for row in connection.execute(query))
    return [row[1:] for row in rows if tables is None or row[0] in tables]


def pragma(connection: sqlite3.Connection, name: str) -> Any:  # noqa: ANN401  what SQLite says
    """Return what a pragma says, or what it said to being set."""
    row = connection.execute(f"PRAGMA {name}").fetchone()
    return None if row is None else row[0]
