"""The journal in PostgreSQL: for any number of processes on any number of hosts.

The server's clock decides leases and due times. A connection that is lost is replaced; one to a
standby is refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from netcancel.errors import ConfigurationError
from netcancel.journal import postgres_joined
from netcancel.journal.database import DatabaseJournal, Joined, JoinedByAwaiting
from netcancel.journal.operations import answered, answered_by_awaiting
from netcancel.journal.postgres_session import SQL, Session, TimedConnection
from netcancel.journal.server import ServerTables, UnsafeServer, check_journal, prepare

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from netcancel.journal.server import VaultFor
    from netcancel.journal.statements import Migration

OLDEST_SERVER: Final = 130_000

CONNECTING: Final = {
    "client_encoding": "utf8",
    "connect_timeout": "3",  # seconds, of each host: less than the budget of a commit
    "fallback_application_name": "netcancel",
    "keepalives_idle": "10",
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "4000",  # milliseconds, until what was sent must have arrived
}
"""What holds unless the URL says otherwise."""


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A database of PostgreSQL; the parameters hold its password."""

    parameters: Mapping[str, Any] = field(repr=False)
    clock: Callable[[], float] | None
    """For tests and simulations; None: the server's."""
    journal_id: bytes = b""
    """What marks the journal that is in it, once that is known."""
    migrations: tuple[Migration, ...] = SQL.migrations

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what psycopg raises."""
        return psycopg.Error

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        named = {
            name: self.parameters.get(name) or "default" for name in ("host", "port", "dbname")
        }
        return "postgresql://{host}:{port}/{dbname}".format_map(named)

    def connect(self) -> Session:
        """Open a connection to a server that can write."""
        connection = TimedConnection.connect(
            make_conninfo(**self.parameters),
            autocommit=True,
            prepare_threshold=None,
            row_factory=dict_row,
            cursor_factory=psycopg.RawCursor,  # pyright: ignore[reportArgumentType]  # rows are the factory's
        )
        try:
            _check_server(connection.info)
            session = Session(connection, self.clock)
            if self.journal_id:
                check_journal(session, self.place)
        except BaseException:
            connection.close()
            raise
        return session

    @contextmanager
    def join(self, connection: object) -> Generator[Joined]:
        """Join the transaction of a caller's psycopg.Connection."""
        session = postgres_joined.blocking(connection)
        joining = postgres_joined.joining(self.journal_id, self.clock)
        yield Joined(session, answered(session, joining))

    async def join_by_awaiting(self, connection: object) -> JoinedByAwaiting | None:
        """Join that of a psycopg.AsyncConnection; None: it is none."""
        session = postgres_joined.awaited(connection)
        if session is None:
            return None
        joining = postgres_joined.joining(self.journal_id, self.clock)
        now = await answered_by_awaiting(session.execute, joining)
        return JoinedByAwaiting(session.execute, now)


def _check_server(info: psycopg.ConnectionInfo) -> None:
    if info.server_version < OLDEST_SERVER:
        raise UnsafeServer("netcancel needs PostgreSQL 13 or newer")
    if (encoding := info.parameter_status("server_encoding")) != "UTF8":
        raise UnsafeServer(f"the database's encoding must be UTF8, it is {encoding}")


def open_postgres(
    url: str,
    vault_for: VaultFor,
    clock: Callable[[], float] | None,
    *,
    create: bool,
) -> DatabaseJournal:
    """Open the journal in a PostgreSQL database.

    Raises `ConfigurationError` for one that can't or must not be used.
    """
    server = server_at(url, clock)
    prepared = prepare(server, vault_for, create=create)
    return DatabaseJournal(
        replace(server, journal_id=prepared.journal_id), prepared.vault, prepared.digest
    )


def postgres_tables(url: str) -> ServerTables:
    """Return the tables of the journal that a URL names; raises `ConfigurationError`."""
    return ServerTables(server_at(url))


def server_at(url: str, clock: Callable[[], float] | None = None) -> PostgresServer:
    """Return the database that a URL names; raises `ConfigurationError`."""
    try:
        given = conninfo_to_dict(url)
    except psycopg.Error:  # its words may show the password
        raise ConfigurationError("the journal's postgresql:// URL can't be read") from None
    parameters = CONNECTING | given | {"target_session_attrs": "read-write"}
    return PostgresServer(parameters, clock)
