"""A caller's own connection to the journal's file: a confirmation joins the caller's transaction.

The merchant's order and its confirmation then commit together, or neither does.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netcancel.errors import ConfigurationError
from netcancel.journal import sqlite_file
from netcancel.journal.operations import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from netcancel.journal.operations import Runs
    from netcancel.journal.rows import Row
    from netcancel.journal.statements import Query


def execute(
    run: Callable[[str, Sequence[Any]], sqlite3.Cursor],
    query: Query,
    values: Sequence[Mapping[str, Any]],
) -> Answer:
    """Ask SQLite, by as many statements as the rows take."""
    found: list[Row] = []
    count = 0
    for text, parameters in sqlite_file.SQL.bound(query, values):
        cursor = run(text, parameters)
        found += cursor.fetchall()
        count += cursor.rowcount
    return Answer(found, count)


class _Joined:
    """A caller's connection, whatever its own row factory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask with named parameters."""
        return execute(self._run, query, values)

    def _run(self, text: str, parameters: Sequence[Any]) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        cursor.row_factory = sqlite3.Row
        return cursor.execute(text, parameters)


@contextmanager
def join(connection: object, path: Path) -> Generator[Runs]:
    """Join the transaction of a connection to the file at `path`; begin it as Python would.

    A transaction that was begun here is left open only if something was written in it: the file
    has one writer at a time. Raises `ConfigurationError` for a connection to anything else, or one
    without transaction.
    """
    if not isinstance(connection, sqlite3.Connection):
        raise ConfigurationError(
            "the connection must be a sqlite3.Connection to the journal's file"
        )
    with _our_texts(connection):
        _check_file(connection, path)
        has_begun, changes = _begin(connection), connection.total_changes
        has_written = False
        try:
            # A transaction that has read before may see what was so then: with the right to write,
            # which SQLite refuses it if anybody has written since, it sees what is so now.
            connection.execute("UPDATE meta SET value = value WHERE FALSE")
            yield _Joined(connection)
            has_written = connection.total_changes != changes
        finally:
            if has_begun and not has_written:
                connection.rollback()


@contextmanager
def _our_texts(connection: sqlite3.Connection) -> Generator[None]:
    """Read texts as the journal does, and then again as the caller does."""
    theirs, connection.text_factory = connection.text_factory, sqlite_file.read_text
    try:
        yield
    finally:
        connection.text_factory = theirs


def _begin(connection: sqlite3.Connection) -> bool:
    """Begin a transaction if none is open, and say whether it was."""
    if connection.in_transaction:
        return False
    # From Python 3.12 on, a connection may commit each statement whatever its isolation level.
    commits_itself = getattr(connection, "autocommit", None) is True
    if connection.isolation_level is None or commits_itself:
        raise ConfigurationError(
            "the connection has no open transaction: execute BEGIN first, and confirm in the"
            " transaction that writes your order"
        )
    # Python itself would begin only before a statement whose first word is INSERT or the like.
    connection.execute("BEGIN IMMEDIATE")
    return True


def _check_file(connection: sqlite3.Connection, path: Path) -> None:
    cursor = connection.cursor()
    cursor.row_factory = None
    files = {name: file for _, name, file in cursor.execute("PRAGMA database_list")}
    if not files["main"] or not Path(files["main"]).samefile(path):
        raise ConfigurationError(f"the connection is to another database than the journal {path}")
    (synchronous,) = cursor.execute("PRAGMA synchronous").fetchone()
    if synchronous < 2:  # noqa: PLR2004  FULL
        raise ConfigurationError(
            "the connection must commit durably: execute PRAGMA synchronous=FULL on it"
        )
