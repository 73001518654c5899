"""Where the journals of the slow levels are; this is the home in files, `servers.py` has others.

A home keeps one journal at a time, that of the run at hand. What a disk does when the power fails
is `make powerloss`'s; here everything is in memory, where the machine has such a place.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol, Self

from netcancel.journal.sqlite import SqliteDatabase
from proof.empty_journal import VAULT, empty_journal
from proof.in_memory import in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.journal.database import Database
    from netcancel.journal.vault import Digest

MODE: Final = "wal"
"""As with every newer SQLite: in the other mode, a merchant who reads keeps all from writing."""


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

    def connect(self) -> Any:  # noqa: ANN401  a connection of any driver
        """Open a raw connection to the journal at hand."""

    def begin_order(self) -> Any:  # noqa: ANN401  likewise
        """Open a connection, and read how things are in a transaction that goes on."""

    @staticmethod
    def is_refusal(error: Exception) -> bool:
        """Whether this is how such a transaction is told that it sees what isn't so any more."""


@dataclass(frozen=True)
class Files(Home):
    """A directory with a file for each process."""

    place: Path
    spoil: ClassVar = (
        "UPDATE payment SET sealed_body = zeroblob(length(sealed_body))"
        " WHERE id LIKE ? AND sealed_body IS NOT NULL"
    )

    @staticmethod
    def is_refusal(error: Exception) -> bool:
        """Whether somebody has written since the transaction began."""
        code = getattr(error, "sqlite_errorcode", None)
        return code == sqlite3.SQLITE_BUSY_SNAPSHOT

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Self]:
        """Make the directory; whoever made it deletes it, whatever became of others."""
        with in_memory("simulation") as place:
            yield cls(Path(place))

    @property
    def _path(self) -> Path:
        return self.place / f"{os.getpid()}.sqlite"

    def fresh(self, clock: Callable[[], float]) -> Journal:
        """Write a new journal's file in the old one's place, without its side files."""
        content, secret = empty_journal(MODE)
        for left in self.place.glob(f"{self._path.name}*"):
            left.unlink()
        self._path.touch(0o600)
        self._path.write_bytes(content)
        return Journal(SqliteDatabase(self._path, MODE, clock), VAULT.digest_by(secret))

    def connect(self) -> sqlite3.Connection:
        """Open the file."""
        return sqlite3.connect(self._path)

    def begin_order(self) -> sqlite3.Connection:
        """Open the file, and read in it."""
        connection = self.connect()
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM payment").fetchone()
        return connection
