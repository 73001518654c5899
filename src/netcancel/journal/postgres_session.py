"""A connection to PostgreSQL that the journal's writer works with.

All that it needs holds within one transaction, nothing for a session: a pooler may stand between.
"""

from __future__ import annotations

import math
from contextlib import nullcontext, suppress
from functools import cache
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, TypeVar

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow

from netcancel.journal import operations
from netcancel.journal.contract import Fact, Health
from netcancel.journal.database import now_by
from netcancel.journal.operations import Answer
from netcancel.journal.server import (
    ServerHangs,
    ServerTrouble,
    UnsafeServer,
    UnsureCommit,
    schema_fact,
)
from netcancel.journal.statements import Dialect, Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from psycopg.abc import PQGen

    from netcancel.journal.batch import Work
    from netcancel.journal.rows import Row
    from netcancel.journal.statements import Migration

T = TypeVar("T")

SQL: Final = Dialect("postgres", "%s")

WRITE_SECONDS: Final = 3.0
"""How long a transaction that writes may take; with a cancel, less than the budget of a commit."""
READ_SECONDS: Final = 60.0
CANCEL_SECONDS: Final = 0.5
"""How long to wait for a cancel, and then for what was cancelled."""


class TimedConnection(psycopg.Connection[DictRow]):
    """A connection that waits for its server only for so long.

    No time-out of the server's covers a commit that waits for a standby, and none a server that
    hangs. A cancel ends the first; the second is given up.
    """

    _ends_at = math.inf
    _is_cancelled = False

    def give(self, seconds: float) -> None:
        """Give so much time from now, for all that is asked until the next time."""
        self._ends_at = monotonic() + seconds
        self._is_cancelled = False

    def wait(self, gen: PQGen[T], *args: Any, **options: Any) -> T:  # noqa: ANN401  psycopg's
        """Wait as psycopg does, which comes back every tenth of a second."""
        return super().wait(self._in_time(gen), *args, **options)

    def _in_time(self, steps: PQGen[T]) -> PQGen[T]:
        """Look at the time before each wait."""
        try:
            wish = next(steps)
            while True:
                self._check_time()
                wish = steps.send((yield wish))
        except StopIteration as stop:
            result: T = stop.value
            return result

    def _check_time(self) -> None:
        if monotonic() < self._ends_at:
            return
        # The cancel of a libpq older than 17 waits for the server without end.
        if self._is_cancelled or not psycopg.capabilities.has_cancel_safe():
            self.close()
            raise ServerHangs("the server gave no answer in time")
        with suppress(psycopg.Error):
            self.cancel_safe(timeout=CANCEL_SECONDS)
        self.give(CANCEL_SECONDS)
        self._is_cancelled = True


class Session:
    """A connection to the server, and what its transactions need."""

    def __init__(self, connection: TimedConnection, clock: Callable[[], float] | None) -> None:
        self._connection = connection
        self._clock = clock
        self._warnings: list[str] = []
        self._can_not_begin = False
        connection.add_notice_handler(self._heed)

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask with named parameters; several statements go out together."""
        parts = list(SQL.bound(query, values))
        with self._connection.pipeline() if len(parts) > 1 else nullcontext():
            cursors = [self._run(*part) for part in parts]
        # Not before: until a pipeline ends, its answers may be missing.
        return answer_of(cursors)

    def apply(self, migration: Migration) -> None:
        """Run a migration, within the transaction; it takes as long as the tables are large."""
        self._connection.give(math.inf)
        self._connection.execute(b"SET LOCAL statement_timeout = 0")
        self._connection.execute(migration.script.encode())
        self._connection.give(WRITE_SECONDS)

    def health(self, now: int) -> Health:
        """Read back what is in force."""
        row = self.execute(Query.HEALTH, {}).rows[0]
        waits = row["synchronous_commit"]
        durable = "on" if waits == "off" else waits
        return Health(
            now,
            (
                Fact("PostgreSQL", row["version"]),
                schema_fact(row["schema"]),
                Fact("synchronous_commit", waits, durable, "never off: it tells of lost commits"),
                Fact("fsync", row["fsync"], "on", "a machine that fails loses commits"),
                Fact("full_page_writes", row["full_page_writes"], "on", "torn pages lose rows"),
                Fact("encoding", row["encoding"], "UTF8", "make the database with ENCODING UTF8"),
                Fact("synchronous standbys", row["standbys"] or "none"),
            ),
            None,
        )

    def announce_tables(self) -> None:
        """Do nothing: they are in the transaction."""

    def begin(self, *, writes: bool) -> int:
        """Begin a transaction on a server that can write and does so durably."""
        self._connection.give(WRITE_SECONDS if writes else READ_SECONDS)
        try:
            begun = BEGIN_TO_WRITE if writes else BEGIN_TO_READ
            cursor = self._connection.execute(begun.text.encode())
            while cursor.nextset():
                pass
            return checked_now(cursor.fetchall()[0], self._clock)
        except Exception:
            self._can_not_begin = True
            raise

    def perform(self, works: Sequence[Work[Any, Any]], now: int) -> list[Any]:
        """Do a batch's works, as if one after the other."""
        return operations.perform(self, works, now)

    def start_over(self) -> int:
        """Undo the transaction, and begin another."""
        self.roll_back()
        return self.begin(writes=True)

    def mark(self, name: str) -> None:
        """Set a savepoint."""
        self._connection.execute(f"SAVEPOINT {name}".encode())

    def undo_to(self, name: str) -> None:
        """Undo what was done since a savepoint."""
        self._connection.execute(f"ROLLBACK TO SAVEPOINT {name}".encode())

    def commit(self) -> None:
        """Make the transaction durable.

        A commit that stopped waiting for a synchronous standby says so by a warning only, in the
        server's language: so any warning counts as unknown. What had failed before is rolled back
        by a COMMIT, without an error.
        """
        self._warnings.clear()
        done = self._connection.execute("COMMIT").statusmessage
        if done != "COMMIT" or self._warnings:
            raise UnsureCommit("; ".join(self._warnings) or f"COMMIT was answered by {done}")

    def roll_back(self) -> None:
        """Undo the transaction, if one is open."""
        if self._connection.info.transaction_status is not TransactionStatus.IDLE:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    def is_trouble(self, error: Exception) -> bool:
        """Whether the server is at fault; a broken constraint or a value out of range is a bug."""
        bugs = (psycopg.IntegrityError, psycopg.DataError, psycopg.NotSupportedError)
        return isinstance(error, psycopg.Error | ServerTrouble) and not isinstance(error, bugs)

    def is_deadlock(self, error: Exception) -> bool:
        """Whether the server ended a deadlock by this transaction."""
        return isinstance(error, psycopg.errors.DeadlockDetected)

    def is_refusal(self, error: Exception) -> bool:
        """Whether a constraint was broken."""
        return isinstance(error, psycopg.IntegrityError)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone, or leads to a server that can't begin."""
        return self._can_not_begin or self._connection.broken or self._connection.closed

    def _run(self, text: str, parameters: Sequence[Any]) -> psycopg.Cursor[DictRow]:
        return self._connection.execute(numbered(text), parameters)

    def _heed(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self._warnings.append(notice.message_primary or "a warning without words")


@cache
def numbered(text: str) -> bytes:
    """Return a statement whose parameters have numbers, as the server wants it.

    psycopg would number them anew each time: those of 64 moves in ten milliseconds.
    """
    first, *rest = text.split("%s")
    return (first + "".join(f"${place}{part}" for place, part in enumerate(rest, 1))).encode()


BEGIN_TO_READ: Final = SQL.load("begin_to_read")
BEGIN_TO_WRITE: Final = SQL.load("begin_to_write")


def answer_of(cursors: Sequence[psycopg.Cursor[DictRow]]) -> Answer:
    """Return what statements said, as of one."""
    found = [row for cursor in cursors if cursor.description for row in cursor.fetchall()]
    return Answer(found, sum(cursor.rowcount for cursor in cursors))


def checked_now(row: Row, clock: Callable[[], float] | None) -> int:
    """Return the time, unless the server would tell of commits that are not durable."""
    if row["fsync"] != "on":
        raise UnsafeServer("PostgreSQL loses commits when its machine fails: set fsync to on")
    if row["synchronous_commit"] == "off":
        raise UnsafeServer(
            "PostgreSQL tells of commits that may be lost yet: synchronous_commit must not be off"
        )
    now: int = row["now"]
    return now if clock is None else now_by(clock)
