"""A caller's own connection to the journal's database: a confirmation joins its transaction.

The merchant's order and its confirmation then commit together, or neither does. What is asked is
the same for a connection that blocks and for one that must be awaited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

from netcancel.errors import ConfigurationError
from netcancel.journal.operations import Answer, Ask, Asks
from netcancel.journal.postgres_session import SQL, answer_of, checked_now
from netcancel.journal.server import UnsafeServer
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class JoinedSession:
    """A caller's connection that blocks, whatever its own rows and cursors are."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask with named parameters."""
        return answer_of([self._run(*part) for part in SQL.bound(query, values)])

    def _run(self, text: str, parameters: Sequence[Any]) -> psycopg.Cursor[DictRow]:
        cursor = psycopg.Cursor(self._connection, row_factory=dict_row)
        return cursor.execute(text.encode(), parameters, prepare=False)


class AwaitedSession:
    """A caller's connection that must be awaited."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def execute(self, query: Query, values: Sequence[Mapping[str, Any]]) -> Answer:
        """Ask with named parameters."""
        found: list[DictRow] = []
        written = 0
        for text, parameters in SQL.bound(query, values):
            cursor = psycopg.AsyncCursor(self._connection, row_factory=dict_row)
            await cursor.execute(text.encode(), parameters, prepare=False)
            found += await cursor.fetchall() if cursor.description else []
            written += cursor.rowcount
        return Answer(found, written)


def joining(journal_id: bytes, clock: Callable[[], float] | None) -> Asks[int]:
    """Check that a transaction is in the journal's database, and durable; return the time."""
    row = (yield Ask(Query.JOIN, [{}])).rows[0]
    found = (yield Ask(Query.READ_META, [{"name": "id"}])).row if row["is_made"] else None
    if found is None or bytes(found["value"]) != journal_id:
        raise ConfigurationError("the connection is to another database than the journal's")
    try:
        return checked_now(row, clock)
    except UnsafeServer as error:
        raise ConfigurationError(f"the connection must commit durably: {error}") from None


def blocking(connection: object) -> JoinedSession:
    """Join a transaction that psycopg has begun or would begin with the next statement.

    Raises `ConfigurationError` for anything else.
    """
    if _must_be_awaited(connection):
        raise ConfigurationError("the connection must be awaited: confirm with an AsyncGuard")
    if not _blocks(connection):
        raise ConfigurationError(
            "the connection must be a psycopg.Connection to the journal's database"
        )
    _check_transaction(connection)
    return JoinedSession(connection)


def awaited(connection: object) -> AwaitedSession | None:
    """Do the same for a connection that must be awaited; None: it need not be."""
    if not _must_be_awaited(connection):
        return None
    _check_transaction(connection)
    return AwaitedSession(connection)


def _blocks(connection: object) -> TypeGuard[psycopg.Connection[Any]]:
    return isinstance(connection, psycopg.Connection)


def _must_be_awaited(connection: object) -> TypeGuard[psycopg.AsyncConnection[Any]]:
    return isinstance(connection, psycopg.AsyncConnection)


def _check_transaction(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    is_idle = connection.info.transaction_status is TransactionStatus.IDLE
    if is_idle and connection.autocommit:
        raise ConfigurationError(
            "the connection has no open transaction: begin one first, and confirm in the"
            " transaction that writes your order"
        )
