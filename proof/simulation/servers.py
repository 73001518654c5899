"""The homes of journals on database servers, each started for the simulation."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import psycopg
import pymysql
from pymysql.constants import ER

from netcancel.journal.mysql import MysqlServer, parameters_of
from netcancel.journal.postgres import PostgresServer, server_at
from netcancel.journal.server import prepare
from proof.empty_journal import VAULT
from proof.simulation.homes import Home, Journal
from tests.servers import databases
from tests.servers.keeper import used
from tests.servers.kinds import found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.journal.vault import Vault


class _OnServer(Home):
    """A server that is started for the simulation, with a database for each process."""

    kind: ClassVar[str]
    """Its name among those of `tests.servers`."""

    def __init__(self, server_url: str) -> None:
        self._server_url = server_url
        self._made = ""
        self._owner = 0

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        """Start the server, and end it; a machine without its programs ends the simulation."""
        if found(cls.kind) is None:
            raise SystemExit(f"missing here: the programs of {cls.kind}")
        with (
            tempfile.TemporaryDirectory(prefix="netcancel-simulation-") as place,
            used(cls.kind, Path(place), in_memory=True) as url,
        ):
            yield cls(url)

    def fresh(self, clock: Callable[[], float]) -> Journal:
        """Make the tables anew, in this process's database."""
        server = self._emptied(clock)
        prepared = prepare(server, _vault, create=True)
        database = replace(server, journal_id=prepared.journal_id)
        return Journal(database, prepared.digest)

    @property
    def _url(self) -> str:
        """The URL of this process's database, which is made when it is first asked for."""
        if self._owner != os.getpid():
            self._owner = os.getpid()
            self._made = self._make(f"simulation_{self._owner}")
        return self._made

    def _make(self, name: str) -> str:
        """Make a database, and return its URL."""
        raise NotImplementedError

    def _emptied(self, clock: Callable[[], float]) -> PostgresServer | MysqlServer:
        """Remove the journal that is in this process's database, and return where that is."""
        raise NotImplementedError


class Postgres(_OnServer):
    """PostgreSQL."""

    kind: ClassVar = "postgres"
    spoil: ClassVar = (
        "UPDATE netcancel.payment SET sealed_body = convert_to('spoilt', 'UTF8')"
        " WHERE id LIKE %s AND sealed_body IS NOT NULL"
    )

    def connect(self) -> psycopg.Connection:
        """Open a connection."""
        return psycopg.connect(self._url)

    def begin_order(self) -> psycopg.Connection:
        """Open a connection, and read in a transaction that goes on seeing things so."""
        connection = self.connect()
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM netcancel.payment")
        return connection

    @staticmethod
    def is_refusal(error: Exception) -> bool:
        """Whether the payment was written since the transaction began."""
        return isinstance(error, psycopg.errors.SerializationFailure)

    def _make(self, name: str) -> str:
        return databases.make_postgres(self._server_url, name)

    def _emptied(self, clock: Callable[[], float]) -> PostgresServer:
        databases.empty_postgres(self._url)
        return server_at(self._url, clock)


class Mariadb(_OnServer):
    """MariaDB."""

    kind: ClassVar = "mariadb"
    spoil: ClassVar = (
        "UPDATE netcancel_payment SET sealed_body = 'spoilt'"
        " WHERE id LIKE %s AND sealed_body IS NOT NULL"
    )

    def connect(self) -> pymysql.Connection[Any]:
        """Open a connection."""
        return pymysql.connect(**parameters_of(self._url))

    def begin_order(self) -> pymysql.Connection[Any]:
        """Open a connection, and read in a transaction that goes on seeing things so."""
        connection = self.connect()
        connection.cursor().execute("SELECT count(*) FROM netcancel_payment")
        return connection

    @staticmethod
    def is_refusal(error: Exception) -> bool:
        """Whether the payment was written since; older servers give it as it is now instead."""
        return isinstance(error, pymysql.err.Error) and error.args[:1] == (ER.CHECKREAD,)

    def _make(self, name: str) -> str:
        return databases.make_mysql(self._server_url, name)

    def _emptied(self, clock: Callable[[], float]) -> MysqlServer:
        databases.empty_mysql(self._url)
        return MysqlServer(parameters_of(self._url), clock)


def _vault(*, is_new: bool) -> Vault:  # noqa: ARG001  as `prepare` asks for it
    return VAULT
