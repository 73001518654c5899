"""A journal's file on disk: where it may lie, how it is made, and how SQLite must hold it.

The file is never opened and closed by anything but SQLite once a journal is in it: a close drops
all POSIX locks that this process has on it.
"""

from __future__ import annotations

import os
import re
import sqlite3
import stat
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from netcancel.errors import ConfigurationError
from netcancel.journal.master_key import sync_directory
from netcancel.journal.rows import SCHEMA
from netcancel.journal.statements import Dialect, Query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netcancel.journal.vault import Vault

APPLICATION_ID: Final = 0x6E65_7463
"""The file's mark: "netc"."""

SQL: Final = Dialect("sqlite", "?")

OUR_TABLES: Final = frozenset({"meta", "payment", "kept_answer", "history"})

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


def prepare(path: Path, vault: Vault, *, create: bool, mode: str) -> bytes:
    """Make the journal's file if need be, check all about it, and return its wrapped secret.

    Raises `ConfigurationError` for a file that can't or must not be used.
    """
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise ConfigurationError("netcancel needs SQLite 3.37 or newer")
    _check_place(path)
    if create:
        _make_file(path)
    try:
        connection = connect(path, mode)
        try:
            _make_schema(connection, path, vault, create=create)
            _check_schema(connection, path)
            return _secret_of(connection, vault)
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise ConfigurationError(f"the journal {path} can't be used: {error}") from None


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open the file as a journal must be held, and refuse it where SQLite doesn't comply."""
    _check_modes(path)
    uri = f"file:{quote(str(path))}?mode=rw"
    # Used by one thread at a time, but closed by another one before a fork.
    connection = sqlite3.connect(
        uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _check_owner(connection, path)
        _set_pragmas(connection, path, mode)
    except BaseException:
        connection.close()
        raise
    connection.row_factory = sqlite3.Row
    # A damaged text must not keep the rows beside it from being read.
    connection.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
    return connection


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
            found = _pragma(connection, "journal_mode")
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
    application = _pragma(connection, "application_id")
    version = _pragma(connection, "user_version")
    is_new = (application, version) == (0, 0) and not _objects(connection)
    connection.execute("COMMIT")
    if application != APPLICATION_ID and not is_new:
        raise ConfigurationError(f"{path} is a database of another program")
    if version > SCHEMA:
        raise ConfigurationError(
            f"{path} was written by a newer netcancel (schema {version}): upgrade this one"
        )


def _set_pragmas(connection: sqlite3.Connection, path: Path, mode: str) -> None:
    """Set what holds for this connection only, and read back that it is in force."""
    found = _pragma(connection, f"journal_mode={mode}")
    if found != mode:
        raise ConfigurationError(f"{path} is in journal mode {found}; it must be {mode}")
    for name, value in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name}={value}")
        if _pragma(connection, name) != value:
            raise ConfigurationError(f"this SQLite can't set {name} to {value}")


def _make_schema(connection: sqlite3.Connection, path: Path, vault: Vault, *, create: bool) -> None:
    """Fill an empty file, once, whoever comes first."""
    if _pragma(connection, "user_version") == SCHEMA:
        return
    if not create:
        raise ConfigurationError(
            f"the journal {path} is empty: workers and reading commands never create one"
        )
    connection.execute("BEGIN IMMEDIATE")
    if _pragma(connection, "user_version") == 0:
        for statement in statements_of(SQL.script("0001_create.sql")):
            connection.execute(statement)
        write = SQL.load(Query.WRITE_META)
        for name, value in {"key_id": vault.key_id, "secret": vault.new_secret()}.items():
            connection.execute(write.text, write.bind({"name": name, "value": value}))
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA}")
    connection.execute("COMMIT")
    sync_directory(path.parent)


def statements_of(text: str) -> Iterator[str]:
    """Split a script into its statements; triggers hold semicolons of their own."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose tables, constraints and triggers of ours aren't exactly the schema's.

    A merchant's own tables beside them are welcome: orders and confirmations commit together.
    """
    pattern = sqlite3.connect(":memory:")
    try:
        pattern.executescript(SQL.script("0001_create.sql"))
        expected = _objects(pattern)
        if _objects(connection, OUR_TABLES) != expected:
            raise ConfigurationError(f"somebody changed the tables of {path}: restore it")
    finally:
        pattern.close()


def _secret_of(connection: sqlite3.Connection, vault: Vault) -> bytes:
    read = SQL.load(Query.READ_META)
    rows = [
        connection.execute(read.text, read.bind({"name": name})).fetchone()
        for name in ("key_id", "secret")
    ]
    if None in rows:
        raise ConfigurationError("the journal has lost its key's mark: restore it")
    key_id, secret = (bytes(row["value"]) for row in rows)
    if key_id != vault.key_id:
        raise ConfigurationError(
            f"the journal was made with another vault key (id {key_id.hex()}, this one is"
            f" {vault.key_id.hex()}): set NETCANCEL_VAULT_KEY to the key that it was made with"
        )
    return secret


def _objects(
    connection: sqlite3.Connection, tables: frozenset[str] | None = None
) -> list[tuple[Any, ...]]:
    """Return tables, and what belongs to them: `tables`, or all."""
    query = (
        "SELECT tbl_name, type, name, sql FROM sqlite_schema"
        " WHERE name NOT LIKE 'sqlite_stat%' ORDER BY 2, 3"
    )
    rows = (tuple(row) for row in connection.execute(query))
    return [row[1:] for row in rows if tables is None or row[0] in tables]


def _pragma(connection: sqlite3.Connection, name: str) -> Any:  # noqa: ANN401  what SQLite says
    row = connection.execute(f"PRAGMA {name}").fetchone()
    return None if row is None else row[0]
