"""The journal in one SQLite file: the embedded default, for any number of processes of one host.

SQLite ignores FOR UPDATE; what holds a claim together is BEGIN IMMEDIATE, which the writer gives to
every batch that writes, and the conditions of `move.sql`, whose effect on each row is checked.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from netcancel.journal import (
    operations,
    sqlite_file,
    sqlite_health,
    sqlite_joined,
    sqlite_schema,
)
from netcancel.journal.database import DatabaseJournal, Joined, now_by
from netcancel.journal.sqlite_file import OpenFile, open_file
from netcancel.journal.sqlite_joined import execute
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence
    from pathlib import Path

    from netcancel.journal.batch import Work
    from netcancel.journal.contract import Health
    from netcancel.journal.operations import Answer
    from netcancel.journal.vault import Vault

LOOK_SECONDS: Final = 0.001
"""How soon to look again whether another process is done; a commit takes some of these."""

PRIMARY_CODE: Final = 0xFF
"""What SQLite adds above this only says more of the same trouble."""

OVERWRITING: Final = frozenset({Query.SHRED_BODIES, Query.REWRAP_KEY, Query.REWRAP_SECRET})
"""After these, what was there before must be nowhere on the disk any more."""


class Session:
    """A connection to the file, and what its transactions need."""

    def __init__(
        self, connection: sqlite3.Connection, mode: str, clock: Callable[[], float]
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._is_wal = mode == "wal"
        self._empties_log = False
        _wait_by_itself(connection, 0.0)

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask with named parameters."""
        if query in OVERWRITING:
            self._empties_log = self._is_wal  # after the commit: it holds what was overwritten
        return execute(self._connection.execute, query, values)

    def begin(self, *, writes: bool) -> int:
        """Begin a transaction; with `writes`, no other process may begin to write until its end."""
        if writes:
            self._insist("BEGIN IMMEDIATE")
        else:
            self._connection.execute("BEGIN")
            self._insist("PRAGMA user_version")  # the lock is taken with the first reading
        return now_by(self._clock)

    def perform(self, works: Sequence[Work[Any, Any]], now: int) -> list[Any]:
        """Do a batch's works, as if one after the other."""
        return operations.perform(self, works, now)

    def start_over(self) -> int:
        """Undo the transaction, and begin another."""
        self.roll_back()
        return self.begin(writes=True)

    def mark(self, name: str) -> None:
        """Set a savepoint."""
        self._connection.execute(f"SAVEPOINT {name}")

    def undo_to(self, name: str) -> None:
        """Undo what was done since a savepoint."""
        self._connection.execute(f"ROLLBACK TO {name}")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._insist("COMMIT")
        if self._empties_log:
            _wait_by_itself(self._connection, sqlite_file.BUSY_SECONDS)
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            _wait_by_itself(self._connection, 0.0)
            # SQLite leaves that truncation to the next commit; what is shredded must be gone now.
            sqlite_file.sync_log(self._connection)
            self._empties_log = False

    def _insist(self, statement: str) -> None:
        """Execute a statement, again and again while another process is in the way.

        SQLite itself looks again ever more rarely, up to a tenth of a second apart: beside a
        process that commits without a pause it would hardly ever find the file free.
        """
        until = time.monotonic() + sqlite_file.BUSY_SECONDS
        while True:
            try:
                self._connection.execute(statement)
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() >= until:
                    raise
                time.sleep(LOOK_SECONDS)
            else:
                return

    def roll_back(self) -> None:
        """Undo the transaction, if SQLite has not done so by itself."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def health(self, now: int) -> Health:
        """Read back what is in force on this connection."""
        return sqlite_health.health(self._connection, now)

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def is_trouble(self, error: Exception) -> bool:
        """Whether the file or the disk is at fault; a broken constraint is a bug of ours."""
        bugs = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, bugs)

    def is_deadlock(self, error: Exception) -> bool:  # noqa: ARG002  one writer at a time
        """There is none where one writes at a time."""
        return False

    def is_refusal(self, error: Exception) -> bool:
        """Whether a constraint was broken."""
        return isinstance(error, sqlite3.IntegrityError)

    @property
    def is_lost(self) -> bool:
        """A file is never out of reach for good."""
        return False


@dataclass(frozen=True, slots=True)
class SqliteDatabase:
    """A journal's file, and how it is held."""

    path: Path
    mode: str
    clock: Callable[[], float]
    opens: OpenFile = open_file

    def connect(self) -> Session:
        """Open the file."""
        connection = sqlite_file.connect(self.path, self.mode, self.opens)
        return Session(connection, self.mode, self.clock)

    @contextmanager
    def join(self, connection: object) -> Generator[Joined]:
        """Join the transaction of a caller's connection to the file."""
        with sqlite_joined.join(connection, self.path) as session:
            yield Joined(session, now_by(self.clock))

    async def join_by_awaiting(self, connection: object) -> None:
        """Say that no connection to a file need be awaited."""


def open_sqlite(
    path: Path,
    vault: Vault,
    clock: Callable[[], float],
    *,
    create: bool,
    mode: str | None = None,
    opens: OpenFile = open_file,
) -> DatabaseJournal:
    """Open the journal in a file; `mode` is the journal mode, chosen by SQLite's version if None.

    Raises `ConfigurationError` for a file that can't or must not be used.
    """
    mode = mode or sqlite_file.journal_mode(sqlite3.sqlite_version_info)
    secret = sqlite_schema.prepare(path, vault, create=create, mode=mode, opens=opens)
    database = SqliteDatabase(path, mode, clock, opens)
    return DatabaseJournal(database, vault, vault.digest_by(secret))


def _wait_by_itself(connection: sqlite3.Connection, seconds: float) -> None:
    """Have SQLite itself wait so long where another process is in the way."""
    connection.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
