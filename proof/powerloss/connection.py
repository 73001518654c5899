"""APSW in the clothes of Python's sqlite3, as far as the journal uses it.

APSW lets a file system be written in Python, which sqlite3 does not.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import apsw

from proof.powerloss.modes import FULL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from proof.powerloss.modes import Mode

CHECKPOINT_PAGES: Final = 100
"""SQLite's own 1,000 would make a checkpoint a rare thing in a life as short as ours."""

WRITING: Final = ("INSERT", "UPDATE", "DELETE")

_ERRORS: Final = (
    (apsw.ConstraintError, sqlite3.IntegrityError),
    (apsw.CorruptError, sqlite3.DatabaseError),
    (apsw.NotADBError, sqlite3.DatabaseError),
)


class Row:
    """A row whose values have names too."""

    def __init__(self, names: Sequence[str], values: Sequence[Any]) -> None:
        self._names = names
        self._values = values

    def keys(self) -> Sequence[str]:
        """Return the names of the columns."""
        return self._names

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __getitem__(self, key: str | int) -> Any:  # noqa: ANN401  of any column
        return self._values[self._names.index(key) if isinstance(key, str) else key]


class Cursor:
    """What a statement gave; it has run to its end."""

    def __init__(self, rows: Sequence[Row], rowcount: int) -> None:
        self._rows = iter(rows)
        self.rowcount = rowcount

    def __iter__(self) -> Iterator[Row]:
        return self._rows

    def fetchone(self) -> Row | None:
        """Return the next row."""
        return next(self._rows, None)

    def fetchall(self) -> list[Row]:
        """Return the rows that are left."""
        return list(self._rows)


class Connection:
    """A connection to a file, through a file system of ours.

    `settled` is called whenever no transaction is open: what was done is then said to be durable.
    """

    row_factory: object
    text_factory: object

    def __init__(self, path: Path, mode: Mode, vfs: str, settled: Callable[[], None]) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE
        self._connection = apsw.Connection(str(path), flags=flags, vfs=vfs)
        self._connection.wal_autocheckpoint(CHECKPOINT_PAGES)
        self._synchronous = mode.synchronous
        self._settled = settled

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return bool(self._connection.in_transaction)

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Run one statement to its end."""
        if statement == f"PRAGMA synchronous={FULL}":  # the mode knows better what shall happen
            statement = f"PRAGMA synchronous={self._synchronous}"
        elif statement == "PRAGMA synchronous":
            return Cursor([Row(["synchronous"], [FULL])], -1)
        try:
            cursor = self._run(statement, parameters)
        except apsw.Error as error:
            raise _translated(error) from error
        if not self.in_transaction:
            self._settled()
        return cursor

    def close(self) -> None:
        """Release the file; as with sqlite3, nobody is told of a checkpoint that fails then."""
        with suppress(apsw.Error):
            self._connection.close()
        self._settled()

    def _run(self, statement: str, parameters: Sequence[Any]) -> Cursor:
        cursor = self._connection.execute(statement, parameters)
        names: list[str] = []
        rows: list[Row] = []
        for values in cursor:
            names = names or [column[0] for column in cursor.get_description()]
            rows.append(Row(names, values))
        writes = statement.lstrip().startswith(WRITING)
        return Cursor(rows, self._connection.changes() if writes else -1)


def _translated(error: apsw.Error) -> sqlite3.Error:
    """Return the error that sqlite3 raises for the same trouble."""
    kinds = (ours for theirs, ours in _ERRORS if isinstance(error, theirs))
    translated = next(kinds, sqlite3.OperationalError)(str(error))
    translated.sqlite_errorcode = error.extendedresult
    return translated
