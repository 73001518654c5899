"""A connection to MariaDB or MySQL that the journal's writer works with.

Row counts are of changed rows, and every write of a payment changes its version: so a write that
changed nothing is counted as none. After any failure the whole transaction is rolled back by name:
a lock that could not be had undoes one statement only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import pymysql
from pymysql.constants import ER

from netcancel.journal import operations
from netcancel.journal.contract import Fact, Health
from netcancel.journal.database import now_by
from netcancel.journal.operations import Answer
from netcancel.journal.server import ServerTrouble, UnsafeServer, schema_fact
from netcancel.journal.statements import Dialect, Query
from netcancel.journal.vault import wrapping_key_of
from netcancel.observe import log

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pymysql.connections import Connection
    from pymysql.cursors import DictCursor

    from netcancel.journal.batch import Work
    from netcancel.journal.rows import Row
    from netcancel.journal.statements import Migration

SQL: Final = Dialect("mysql", "%s")

SETTINGS: Final = (
    "SET SESSION sql_mode = 'STRICT_ALL_TABLES', SESSION innodb_lock_wait_timeout = 1",
    "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
)
"""What is too long is refused, not cut. Only a caller's own transaction holds a row for long."""

BINARY_TEXTS: Final = frozenset(
    {"id", "world", "tid", "merc_trx_no", "version_writer", "van_trx_no"}
)
"""Columns of texts that compare byte by byte; the driver returns them as bytes."""

TOLD: Final = frozenset({Query.OPEN_NEW, Query.MOVE})
"""Each row of these gets its line in the history."""

CHECK_VIOLATED: Final = frozenset({3819, 4025})
"""A broken CHECK, in MySQL's number and in MariaDB's: to the driver they are trouble."""

NO_PRIVILEGE: Final = (
    ER.SPECIFIC_ACCESS_DENIED_ERROR,
    ER.TABLEACCESS_DENIED_ERROR,
    ER.BINLOG_CREATE_ROUTINE_NEED_SUPER,
)

_COMMENT: Final = re.compile(r"--[^\n]*")


class Session:
    """A connection to the server, and what its transactions need."""

    def __init__(
        self, connection: Connection[DictCursor], clock: Callable[[], float] | None
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._can_not_begin = False

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask with named parameters; what moves a payment is told in its history, too."""
        return execute(self._connection.cursor(), query, values)

    def apply(self, migration: Migration) -> None:
        """Run a migration, one statement at a time; no transaction holds them together.

        Triggers only refuse what must not be: where this user may not make any, there are none.
        """
        for statement in statements_of(migration.script):
            try:
                self._run(statement)
            except pymysql.err.Error as error:
                if "TRIGGER" not in statement or error.args[0] not in NO_PRIVILEGE:
                    raise
                log.notice("a guard of the journal's tables is missing: this user may make none")

    def health(self, now: int) -> Health:
        """Read back what is in force."""
        row = self.execute(Query.HEALTH, {}).rows[0]
        log_is_safe = "1" if row["has_log"] else str(row["syncs_log"])
        return Health(
            now,
            (
                Fact("MariaDB" if "MariaDB" in row["version"] else "MySQL", row["version"]),
                schema_fact(row["schema"]),
                Fact(
                    "innodb_flush_log_at_trx_commit",
                    str(row["flushes"]),
                    "1",
                    "a machine that fails loses commits",
                ),
                Fact(
                    "sync_binlog",
                    str(row["syncs_log"]),
                    log_is_safe,
                    "with a binary log, a machine that fails loses commits",
                ),
            ),
            None,
        )

    def announce_tables(self) -> None:
        """Mark the tables as made: from now on, the journal is there."""
        self.execute(Query.ANNOUNCE, {})

    def begin(self, *, writes: bool) -> int:  # noqa: ARG002  the server lets in many writers
        """Begin a transaction on a server that can write and does so durably."""
        try:
            self._connection.begin()
            return checked_now(self.execute(Query.NOW, {}).rows[0], self._clock)
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
        self._run(f"SAVEPOINT {name}")

    def undo_to(self, name: str) -> None:
        """Undo what was done since a savepoint."""
        self._run(f"ROLLBACK TO SAVEPOINT {name}")

    def commit(self) -> None:
        """Make the transaction durable."""
        self._connection.commit()

    def roll_back(self) -> None:
        """Undo the transaction."""
        self._connection.rollback()

    def close(self) -> None:
        """Release the connection."""
        self._connection.close()

    def is_trouble(self, error: Exception) -> bool:
        """Whether the server is at fault; a broken constraint or a value out of range is a bug."""
        bugs = (pymysql.err.DataError, pymysql.err.NotSupportedError)
        if self.is_refusal(error) or isinstance(error, bugs):
            return False
        return isinstance(error, pymysql.err.Error | ServerTrouble)

    def is_deadlock(self, error: Exception) -> bool:
        """Whether the server ended a deadlock by this transaction."""
        return isinstance(error, pymysql.err.OperationalError) and error.args[0] == ER.LOCK_DEADLOCK

    def is_refusal(self, error: Exception) -> bool:
        """Whether a constraint was broken."""
        if isinstance(error, pymysql.err.OperationalError):
            return error.args[0] in CHECK_VIOLATED
        return isinstance(error, pymysql.err.IntegrityError)

    @property
    def is_lost(self) -> bool:
        """Whether the connection is gone, or leads to a server that can't begin."""
        return self._can_not_begin or not self._connection.open

    def _run(self, statement: str) -> None:
        self._connection.cursor().execute(statement)


def execute(cursor: DictCursor, query: Query, values: Sequence[Mapping[str, Any]]) -> Answer:
    """Ask by as many statements as the rows take; tell of each payment that is written."""
    if query is Query.OPEN_NEW and not _may_open(cursor, values):
        return Answer([], 0)
    found: list[Row] = []
    written = 0
    for text, parameters in SQL.bound(query, values):
        written += cursor.execute(text, parameters)
        found += [_decoded(row) for row in cursor.fetchall()]
    if query in TOLD and written == len(values):  # else all of it will be undone
        execute(cursor, Query.TELL, values)
    return Answer(found, written)


def _may_open(cursor: DictCursor, values: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all numbers are new, and all keys in use; they stay so within the transaction."""
    key_ids = {wrapping_key_of(row["sealed_key"]) for row in values}
    return (
        not execute(cursor, Query.HOLD_NUMBERS, values).rows
        and not execute(cursor, Query.HOLD_USED_NUMBERS, values).rows
        and all(
            execute(cursor, Query.HOLD_VAULT_KEY, [{"key_id": key_id}]).rows for key_id in key_ids
        )
    )


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with texts for texts; a damaged one must not keep others from being read."""
    for name in BINARY_TEXTS & row.keys():
        if isinstance(row[name], bytes):
            row[name] = row[name].decode("utf-8", errors="backslashreplace")
    return row


def checked_now(row: Row, clock: Callable[[], float] | None) -> int:
    """Return the time, unless the server may not be written or would lose what it tells of."""
    if row["is_replica"] not in (0, "OFF"):
        raise UnsafeServer("the server is read-only: a replica, or the primary of yesterday")
    if row["flushes"] != 1:
        raise UnsafeServer(
            "the server loses commits with its machine: innodb_flush_log_at_trx_commit must be 1"
        )
    if row["has_log"] and row["syncs_log"] != 1:
        raise UnsafeServer(
            "the server loses commits when its machine fails: with log_bin, sync_binlog must be 1"
        )
    if "STRICT_ALL_TABLES" not in row["sql_mode"]:
        raise UnsafeServer("the session's sql_mode is not ours: what is too long would be cut")
    now: int = row["now"]
    return now if clock is None else now_by(clock)


def statements_of(script: str) -> list[str]:
    """Return the statements of a script, which an empty line parts: the driver takes one a time."""
    parts = _COMMENT.sub("", script).split(";\n\n")
    return [part.strip(";\n ") for part in parts if part.strip(";\n ")]
