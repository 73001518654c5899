"""Who may end other people's connections to a server, and make databases on it."""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Protocol

import psycopg
import pymysql

from netcancel.journal.mysql import parameters_of
from tests.servers.databases import empty_postgres, run_mysql, with_database

DATABASE: Final = "netcancel"


class Connection(Protocol):
    """What a driver connects by."""

    def close(self) -> None:
        """Close it."""


class Administrator(Protocol):
    """Somebody who may end other people's connections."""

    def __init__(self, url: str) -> None:
        """Ask the server at `url`, when there is something to ask."""

    def empty_database(self) -> str:
        """Return the URL of a database in which there is no journal."""
        ...

    def connect(self) -> Connection:
        """Open a connection that does nothing."""
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

    def empty_database(self) -> str:
        """Remove a journal from the database that every server has, and return its URL."""
        empty_postgres(self._url)
        return self._url

    def connect(self) -> Connection:
        """Open a connection that does nothing."""
        return psycopg.connect(self._url)

    def terminate(self, port: int) -> None:
        """Terminate the connection that comes from a port."""
        self._terminate("client_port = %s", port)

    def terminate_all(self) -> int:
        """Terminate all of the journal in this database; return how many."""
        return self._terminate(
            "datname = current_database() AND application_name = %s", "netcancel"
        )

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

    def empty_database(self) -> str:
        """Make a database, and return its URL."""
        run_mysql(self._url, f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}")
        return with_database(self._url, DATABASE)

    def connect(self) -> Connection:
        """Open a connection that does nothing."""
        return pymysql.connect(**parameters_of(self._url))

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
                while run_mysql(self._url, f"{query} AND id = {number}"):
                    run_mysql(self._url, "DO SLEEP(0.01)")
                ended += 1
        return ended


ADMINISTRATORS: Final[dict[str, type[Administrator]]] = {
    "postgres": OfPostgres,
    "mariadb": OfMariadb,
}
"""By the kind's name in `tests.servers.kinds`."""
