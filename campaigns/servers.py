"""A campaign's own database server: killed, restarted, and bereft of its connections on purpose."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Protocol, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pymysql

from campaigns.relay import Relay
from tests.servers.databases import run_mysql, with_database
from tests.servers.running import OwnServer

if TYPE_CHECKING:
    from tests.servers.kinds import Kind


class Administrator(Protocol):
    """Somebody who may end other people's connections."""

    def __init__(self, url: str) -> None:
        """Ask the server at `url`, when there is something to ask."""

    def make_database(self) -> str:
        """Return the URL of the database for the journal."""
        ...

    def terminate(self, port: int) -> None:
        """Terminate the connection that comes from a port."""

    def terminate_all(self) -> int:
        """Terminate all of the journal; return how many."""
        ...


class OfPostgres:
    """The administrator of PostgreSQL."""

    def __init__(self, url: str) -> None:
        self._url = url

    def make_database(self) -> str:
        """Return the URL of the database for the journal, which has a schema of its own."""
        return self._url

    def terminate(self, port: int) -> None:
        """Terminate the connection that comes from a port."""
        self._terminate("client_port = %s", port)

    def terminate_all(self) -> int:
        """Terminate all of the journal; return how many."""
        return self._terminate("application_name = %s", "netcancel")

    def _terminate(self, which: str, value: object) -> int:
        # The time-out lets it return only when the connection is gone.
        query = f"""SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity
            WHERE {which}"""  # noqa: S608  words of ours
        with suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True) as ours:
            row = ours.execute(query.encode(), [value]).fetchone()
            return int(row[0]) if row else 0
        return 0


class OfMariadb:
    """The administrator of MariaDB."""

    def __init__(self, url: str) -> None:
        self._url = url

    def make_database(self) -> str:
        """Make a database for the journal, and return its URL."""
        run_mysql(self._url, f"CREATE DATABASE {DATABASE}")
        return with_database(self._url, DATABASE)

    def terminate(self, port: int) -> None:
        """Terminate the connection that comes from a port."""
        self._terminate(f"host LIKE '%:{port}'")

    def terminate_all(self) -> int:
        """Terminate all of the journal; return how many."""
        return self._terminate(f"db = '{DATABASE}'")

    def _terminate(self, which: str) -> int:
        query = f"SELECT id FROM information_schema.processlist WHERE {which}"  # noqa: S608  likewise
        ended = 0
        with suppress(pymysql.err.Error):
            for (number,) in run_mysql(self._url, query):
                run_mysql(self._url, f"KILL {number}")
                ended += 1
        return ended


DATABASE: Final = "netcancel"
ADMINISTRATORS: Final[dict[str, type[Administrator]]] = {
    "postgres": OfPostgres,
    "mariadb": OfMariadb,
}
"""By the kind's name in `tests.servers.kinds`."""


class Server:
    """A server behind a relay; `url` is what the processes are given, and stays the same."""

    def __init__(self, name: str, kind: Kind, directory: str) -> None:
        """Prepare; its data are kept in a fresh directory in `directory`."""
        self._own = OwnServer(kind, directory)
        self._administrator = ADMINISTRATORS[name](self._own.url)
        self.restarts = 0
        self.terminated = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._own)
            relay = Relay(self._own.port, self._administrator.terminate)
            self.relay = stack.enter_context(relay)
            self._database = self._administrator.make_database()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Return the journal's URL, by way of the relay."""
        parts = urlsplit(self._database)
        place = parts.netloc.rsplit(":", 1)[0]
        return urlunsplit(parts._replace(netloc=f"{place}:{self.relay.port}"))

    def kill_and_restart(self) -> None:
        """Kill the server with all its processes, and start it again."""
        self._own.kill()
        self._own.start()
        self.restarts += 1

    def terminate_all(self) -> None:
        """Terminate every connection of ours."""
        self.terminated += self._administrator.terminate_all()
