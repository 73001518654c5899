"""The product's SQLite journal in a file of its own, without its thread: virtual time has one.

Each operation is one transaction of the product's own session; what it wrote is read back through
another connection, so that the watch hears only of what is in the file.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar

from netcancel.core.lifecycle import Event, State
from netcancel.futures import SturdyFuture
from netcancel.journal import database, rows, sqlite_file, sqlite_schema
from netcancel.journal.sqlite import Session, SqliteDatabase
from netcancel.journal.statements import Query
from netcancel.journal.vault import Vault
from netcancel.journal.writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from netcancel.core.payment import Payment
    from netcancel.journal.batch import Work
    from netcancel.journal.operations import Answer
    from proof.simulation.books import Watch

T = TypeVar("T")

MODE: Final = sqlite_file.journal_mode(sqlite3.sqlite_version_info)
VAULT: Final = Vault(bytes(range(32)))
MEMORY: Final = Path("/dev/shm")  # noqa: S108  what is made in it has a random name
"""Where there is such a place: what a disk does when the power fails is `make powerloss`'s."""

WRITES: Final = frozenset({Query.OPEN_NEW, Query.MOVE, Query.NOTE})


class FileBooks(database.DatabaseJournal):
    """The journal in a file, which is deleted with it."""

    _place: ClassVar[str | None] = None

    @classmethod
    @contextmanager
    def placed(cls) -> Iterator[None]:
        """Make journals in one directory; whoever made it deletes it, whatever became of others."""
        if cls._place is not None:
            yield
            return
        memory = MEMORY if MEMORY.is_dir() else None
        with tempfile.TemporaryDirectory(prefix="netcancel-simulation-", dir=memory) as place:
            cls._place = place
            try:
                yield
            finally:
                cls._place = None

    def __init__(self, clock: Callable[[], float], watch: Watch) -> None:
        self._directory = tempfile.TemporaryDirectory(dir=self._place)
        path = Path(self._directory.name) / "journal.sqlite"
        content, secret = _empty_journal()
        path.touch(0o600)
        path.write_bytes(content)
        file = SqliteDatabase(path, MODE, clock)
        super().__init__(file, VAULT, VAULT.digest_by(secret))
        self._writer = self._at_once = AtOnce(file, watch)
        self._numbers = self._at_once.numbers

    def payment_of(self, tid: str, merc_trx_no: str) -> Payment | None:
        """Return what is in the file of a number, without its history."""
        return self._numbers.get((tid, merc_trx_no))

    def damage(self, payment_id: str) -> None:
        """Make the frozen net-cancel of a payment unreadable."""
        self._at_once.submit(lambda session, _: session.spoil(payment_id), writes=True)

    def crash(self) -> None:
        """Die within a transaction, and leave the file to whoever opens it next."""
        self._at_once.crash()

    def close(self) -> None:
        """Release the file, and delete it."""
        super().close()
        self._directory.cleanup()


@cache
def _empty_journal() -> tuple[bytes, bytes]:
    """Return a new journal's file and its wrapped secret: to make one anew takes long."""
    with tempfile.TemporaryDirectory(prefix="netcancel-") as directory:
        path = Path(directory) / "journal.sqlite"
        secret = sqlite_schema.prepare(path, VAULT, create=True, mode=MODE)
        return path.read_bytes(), secret


class WatchedSession(Session):
    """Keeps what its transaction writes."""

    def __init__(self, connection: sqlite3.Connection, clock: Callable[[], float]) -> None:
        super().__init__(connection, MODE, clock)
        self.written: list[tuple[Query, Mapping[str, Any]]] = []

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask, and keep what was written."""
        answer = super().execute(query, *values)
        if query in WRITES and answer.written == len(values):
            self.written += [(query, each) for each in values]
        return answer

    def spoil(self, ids: str) -> None:
        """Overwrite the sealed bodies of payments; `ids` is a pattern, "*" means all."""
        self._connection.execute(
            "UPDATE payment SET sealed_body = zeroblob(length(sealed_body))"
            " WHERE id GLOB ? AND sealed_body IS NOT NULL",
            (ids,),
        )


class AtOnce(Writer[database.Session]):
    """Does each work when it is handed over, in a transaction of its own."""

    def __init__(self, file: SqliteDatabase, watch: Watch) -> None:
        super().__init__(file.connect)
        self._file = file
        self._watch = watch
        self._session = self._open()
        self._reader = file.connect()
        self.numbers: dict[tuple[str, str], Payment] = {}

    def submit(self, work: Work[Any, T], *, writes: bool) -> SturdyFuture[T]:
        """Do a work, commit it, and tell the watch of what is in the file now."""
        future, session = SturdyFuture[T](), self._session
        now = session.begin(writes=writes)
        try:
            (result,) = session.perform([work], now)
        except BaseException:
            session.roll_back()
            raise
        session.commit()
        written, session.written = session.written, []
        for query, values in written:
            self._tell(query, values)
        future.set_result(result)
        return future

    def crash(self) -> None:
        """Leave a transaction unfinished, and open the file anew."""
        self._session.begin(writes=True)
        self._session.spoil("*")
        self._session.close()
        self._session = self._open()

    def close(self) -> None:
        """Release the file."""
        self._session.close()
        self._reader.close()

    def _open(self) -> WatchedSession:
        connection = sqlite_file.connect(self._file.path, MODE)
        return WatchedSession(connection, self._file.clock)

    def _tell(self, query: Query, values: Mapping[str, Any]) -> None:
        """Tell of a write as it stands in the file now."""
        row = self._reader.execute(Query.READ, {"id": values["id"]}).rows[0]
        payment = rows.payment(row, database.now_by(self._file.clock))
        self.numbers[payment.tid, payment.merc_trx_no] = payment
        if query is Query.NOTE:
            self._watch.noted(payment.state, Event(values["event"]))
        else:
            source = None if query is Query.OPEN_NEW else State(values["seen_state"])
            self._watch.moved(source, Event(values["event"]), payment)
