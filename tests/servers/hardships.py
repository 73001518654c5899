"""What may befall a database server for a while."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

import psycopg
import pymysql

from tests.servers.administrators import ADMINISTRATORS
from tests.servers.databases import run_mysql

if TYPE_CHECKING:
    from tests.servers.administrators import Connection
    from tests.servers.running import OwnServer


class Hardship(Protocol):
    """Trouble of a server that begins and ends."""

    def __init__(self, server: OwnServer) -> None:
        """Be prepared."""

    def begin(self) -> None:
        """Begin."""

    def end(self) -> None:
        """Let everything be as before."""


class Gone:
    """The server isn't there."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server

    def begin(self) -> None:
        """Kill it."""
        self._server.kill()

    def end(self) -> None:
        """Start it again."""
        self._server.start()


class Standby:
    """PostgreSQL came up as a standby: a fail-over that isn't finished."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server

    def begin(self) -> None:
        """Make it a standby."""
        self._server.kill()
        (self._server.home / "data" / "standby.signal").touch()
        self._server.start()

    def end(self) -> None:
        """Promote it."""
        with psycopg.connect(self._server.url, autocommit=True) as administrator:
            administrator.execute("SELECT pg_promote()")


class ReadOnly:
    """MariaDB was made read-only: it is the primary of yesterday."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server

    def begin(self) -> None:
        """Make it read-only."""
        run_mysql(self._server.url, "SET GLOBAL read_only = 1")

    def end(self) -> None:
        """Let it be written again."""
        run_mysql(self._server.url, "SET GLOBAL read_only = 0")


class Crowd:
    """Others have all the connections that the server gives."""

    def __init__(self, server: OwnServer) -> None:
        self._administrator = ADMINISTRATORS[server.kind.name](server.url)
        self._others: list[Connection] = []

    def begin(self) -> None:
        """Take them all, that of the journal too, which must be asked for nothing meanwhile."""
        self._administrator.terminate_all()
        with suppress(psycopg.OperationalError, pymysql.err.OperationalError):
            while True:
                self._others.append(self._administrator.connect())

    def end(self) -> None:
        """Give them back."""
        while self._others:
            self._others.pop().close()


class CrowdOfMariadb(Crowd):
    """The same, where a connection takes long to make: the server gives few."""

    def __init__(self, server: OwnServer) -> None:
        super().__init__(server)
        self._url = server.url

    def begin(self) -> None:
        """Give few, and take them all."""
        run_mysql(self._url, "SET GLOBAL max_connections = 10")
        super().begin()


HARDSHIPS: Final[dict[str, dict[str, type[Hardship]]]] = {
    "postgres": {"gone": Gone, "read-only": Standby, "crowded": Crowd},
    "mariadb": {"gone": Gone, "read-only": ReadOnly, "crowded": CrowdOfMariadb},
}
"""By the kind of server, and what one may call them."""
