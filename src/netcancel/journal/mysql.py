"""The journal in MariaDB or MySQL: for any number of processes on any number of hosts.

The server's clock decides leases and due times. A connection that is lost is replaced; one to a
server that is read-only is refused.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast
from urllib.parse import parse_qsl, unquote, urlsplit

import pymysql
from pymysql.constants import SERVER_STATUS
from pymysql.cursors import DictCursor

from netcancel.errors import ConfigurationError
from netcancel.journal.database import DatabaseJournal, Joined
from netcancel.journal.mysql_session import SETTINGS, SQL, Session, checked_now, execute
from netcancel.journal.server import ServerTables, UnsafeServer, check_journal, prepare
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from pymysql.connections import Connection

    from netcancel.journal.operations import Answer
    from netcancel.journal.server import VaultFor
    from netcancel.journal.statements import Migration

SWITCHES: Final = frozenset({"ssl_verify_cert", "ssl_verify_identity", "ssl_disabled"})
OPTIONS: Final = SWITCHES | {"ssl_ca", "ssl_cert", "ssl_key", "ssl_key_password", "unix_socket"}
"""What a URL may say behind the question mark: TLS, and a local socket."""

CONNECTING: Final[Mapping[str, Any]] = {
    "charset": "utf8mb4",
    "autocommit": True,  # transactions are begun by name
    "connect_timeout": 3,  # seconds, as the next two: less than the budget of a commit
    "read_timeout": 4,
    "write_timeout": 4,
}

OLDEST_MARIADB: Final = (10, 6)
OLDEST_MYSQL: Final = (8, 0, 16)
"""SKIP LOCKED, JSON_TABLE, and constraints that are kept."""


@dataclass(frozen=True, slots=True)
class MysqlServer:
    """A database of MariaDB or MySQL; the parameters hold its password."""

    parameters: Mapping[str, Any] = field(repr=False)
    clock: Callable[[], float] | None
    """For tests and simulations; None: the server's."""
    journal_id: bytes = b""
    """What marks the journal that is in it, once that is known."""
    migrations: Sequence[Migration] = SQL.migrations

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what PyMySQL raises."""
        return pymysql.err.Error

    @property
    def place(self) -> str:
        """Where it is, without a password."""
        return "mysql://{host}:{port}/{database}".format_map(self.parameters)

    def connect(self) -> Session:
        """Open a connection."""
        given: dict[str, Any] = {**self.parameters, **CONNECTING}
        connection = pymysql.connect(**given, cursorclass=DictCursor)
        try:
            cursor = connection.cursor()
            _check_version(execute(cursor, Query.VERSION, []).rows[0]["version"])
            for setting in SETTINGS:
                cursor.execute(setting)
            session = Session(connection, self.clock)
            if self.journal_id:
                check_journal(session, self.place)
        except BaseException:
            connection.close()
            raise
        return session

    @contextmanager
    def join(self, connection: object) -> Generator[Joined]:
        """Join the transaction of a caller's connection, made by PyMySQL."""
        session = _joined(connection)
        yield Joined(session, _joined_now(session, self.journal_id, self.clock))

    async def join_by_awaiting(self, connection: object) -> None:
        """Say that no connection of PyMySQL need be awaited."""


def open_mysql(
    url: str,
    vault_for: VaultFor,
    clock: Callable[[], float] | None,
    *,
    create: bool,
) -> DatabaseJournal:
    """Open the journal in a database of MariaDB or MySQL.

    Raises `ConfigurationError` for one that can't or must not be used.
    """
    server = MysqlServer(parameters_of(url), clock)
    prepared = prepare(server, vault_for, create=create)
    return DatabaseJournal(
        replace(server, journal_id=prepared.journal_id), prepared.vault, prepared.digest
    )


def mysql_tables(url: str) -> ServerTables:
    """Return the tables of the journal that a URL names; raises `ConfigurationError`."""
    return ServerTables(MysqlServer(parameters_of(url), None))


def parameters_of(url: str) -> dict[str, Any]:
    """Return what PyMySQL connects with; no message shows the URL, which may hold a password."""
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
        options = dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True))
    except ValueError:
        raise ConfigurationError("the journal's mysql:// URL can't be read") from None
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database:
        raise ConfigurationError("the journal's mysql:// URL must name a database")
    if not options.keys() <= OPTIONS:
        raise ConfigurationError(
            f"the journal's mysql:// URL may have these options: {', '.join(sorted(OPTIONS))}"
        )
    return {
        "host": parts.hostname or "localhost",
        "port": port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": database,
    } | {name: _switch(value) if name in SWITCHES else value for name, value in options.items()}


def _switch(value: str) -> bool:
    if value not in ("true", "false"):
        raise ConfigurationError("a switch in the journal's mysql:// URL is true or false")
    return value == "true"


def _check_version(info: str) -> None:
    version = tuple(int(part) for part in info.split("-", maxsplit=1)[0].split("."))
    oldest = OLDEST_MARIADB if "MariaDB" in info else OLDEST_MYSQL
    if version < oldest:
        raise UnsafeServer("netcancel needs MariaDB 10.6 or MySQL 8.0.16, or newer")


class _Joined:
    """A caller's connection, whatever its own cursors are."""

    def __init__(self, connection: Connection[Any]) -> None:
        self._connection = connection

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask with named parameters."""
        return execute(DictCursor(self._connection), query, values)


def _is_pymysqls(connection: object) -> TypeGuard[Connection[Any]]:
    return isinstance(connection, pymysql.connections.Connection)


def _joined(connection: object) -> _Joined:
    """Join a transaction that PyMySQL has begun or would begin with the next statement."""
    if not _is_pymysqls(connection):
        raise ConfigurationError(
            "the connection must be one of PyMySQL's to the journal's database"
        )
    status = cast("int", connection.server_status)  # type: ignore[attr-defined]  # its stub forgot it
    is_begun = status & SERVER_STATUS.SERVER_STATUS_IN_TRANS
    if connection.get_autocommit() and not is_begun:
        raise ConfigurationError(
            "the connection has no open transaction: begin one first, and confirm in the"
            " transaction that writes your order"
        )
    if connection.charset != "utf8mb4":
        raise ConfigurationError("the connection must have the charset utf8mb4")
    return _Joined(connection)


def _joined_now(session: _Joined, journal_id: bytes, clock: Callable[[], float] | None) -> int:
    """Check that a transaction is in the journal's database, and durable; return the time."""
    row = session.execute(Query.JOIN, {}).rows[0]
    found = session.execute(Query.READ_META, {"name": "id"}).row if row["is_made"] else None
    if found is None or bytes(found["value"]) != journal_id:
        raise ConfigurationError("the connection is to another database than the journal's")
    try:
        return checked_now(row, clock)
    except UnsafeServer as error:
        raise ConfigurationError(f"the connection must commit durably: {error}") from None
