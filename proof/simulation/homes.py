"""Where the journals of the slow levels are: in files, or on a server that is started for them.

A home keeps one journal at a time, that of the run at hand. What a disk does when the power fails
is `make powerloss`'s; here everything is in memory, where the machine has such a place.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol, Self

import psycopg
import pymysql

from netcancel.journal import sqlite_file, sqlite_schema
from netcancel.journal.mysql import MysqlServer, parameters_of
from netcancel.journal.postgres import PostgresServer, server_at
from netcancel.journal.server import prepare
from netcancel.journal.sqlite import SqliteDatabase
from netcancel.journal.vault import Vault
from tests.servers import databases
from tests.servers.keeper import used
from tests.servers.kinds import found

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.journal.database import Database
    from netcancel.journal.vault import Digest

VAULT: Final = Vault(bytes(range(32)))
MODE: Final = sqlite_file.journal_mode(sqlite3.sqlite_version_info)
MEMORY: Final = Path("/dev/shm")  # noqa: S108  what is made in it has a random name


class Journal(NamedTuple):
    """An empty journal, and what marks the orders in it."""

    database: Database
    digest: Digest


class Home(Protocol):
    """Keeps journals of one kind, one at a time; its raw connections go round the journal."""

    spoil: ClassVar[str]
    """The statement that makes the sealed bodies of the payments whose id is LIKE this useless."""

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        """Make the place for all processes of a simulation, and remove it."""

    def fresh(self, clock: Callable[[], float]) -> Journal:
        """Empty it."""

    def connect(self) -> Any:  # noqa: ANN401  a connection of any driver, in a transaction
        """Open a raw connection to the journal at hand."""


@dataclass(frozen=True)
class Files(Home):
    """A directory with a file for each process."""

    place: Path
    spoil: ClassVar = (
        "UPDATE payment SET sealed_body = zeroblob(length(sealed_body))"
        " WHERE id LIKE ? AND sealed_body IS NOT NULL"
    )

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        """Make the directory; whoever made it deletes it, whatever became of others."""
        memory = MEMORY if MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="netcancel-simulation-", dir=memory) as place:
            yield cls(Path(place))

    @property
    def _path(self) -> Path:
        return self.place / f"{os.getpid()}.sqlite"

    def fresh(self, clock: Callable[[], float]) -> Journal:
        """Write a new journal's file in the old one's place, without its side files."""
        content, secret = _empty_journal()
        for left in self.place.glob(f"{self._path.name}*"):
            left.unlink()
        self._path.touch(0o600)
        self._path.write_bytes(content)
        return Journal(SqliteDatabase(self._path, MODE, clock), VAULT.digest_by(secret))

    def connect(self) -> sqlite3.Connection:
        """Open the file."""
        return sqlite3.connect(self._path)


@cache
def _empty_journal() -> tuple[bytes, bytes]:
    """Return a new journal's file and its wrapped secret: to make one anew takes long."""
    with tempfile.TemporaryDirectory(prefix="netcancel-") as directory:
        path = Path(directory) / "journal.sqlite"
        secret = sqlite_schema.prepare(path, VAULT, create=True, mode=MODE)
        return path.read_bytes(), secret


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

    def _make(self, name: str) -> str:
        return databases.make_mysql(self._server_url, name)

    def _emptied(self, clock: Callable[[], float]) -> MysqlServer:
        databases.empty_mysql(self._url)
        return MysqlServer(parameters_of(self._url), clock)


def _vault(*, is_new: bool) -> Vault:  # noqa: ARG001  as `prepare` asks for it
    return VAULT
