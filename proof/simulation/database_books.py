"""A journal of the product's in a database, without its thread: virtual time has one.

Each operation is a batch of its own, served as the writer serves it. What it wrote is read back
through another connection, so that the watch hears only of what is in the database; and a commit
may raise as one does whose answer is lost, having been done or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, TypeVar

from netcancel.core.effects import Unavailable
from netcancel.core.lifecycle import Event, State
from netcancel.errors import JournalUnavailable
from netcancel.journal import database, operations, rows
from netcancel.journal.statements import Query
from netcancel.journal.vault import Vault
from proof.at_once import AtOnce
from proof.empty_journal import VAULT
from proof.simulation.database_order import DatabaseOrder
from proof.simulation.promises import Broken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from netcancel.core.payment import Claim, Payment
    from netcancel.futures import SturdyFuture
    from netcancel.journal.batch import Work
    from netcancel.journal.contract import Health
    from netcancel.journal.database import Session
    from netcancel.journal.operations import Answer
    from proof.simulation.books import Watch
    from proof.simulation.homes import Home

T = TypeVar("T")

WRITES: Final = frozenset({Query.OPEN_NEW, Query.MOVE, Query.NOTE})
ALL: Final = "%"
ANOTHER_VAULT: Final = Vault(bytes(32))

Written = tuple[Query, Mapping[str, Any]]
"""A query that wrote a row, and its values."""


class DatabaseBooks(database.DatabaseJournal):
    """The journal in a home's database."""

    def __init__(self, home: Home, clock: Callable[[], float], watch: Watch) -> None:
        self._home = home
        self._orders: list[DatabaseOrder] = []
        fresh = home.fresh(clock)
        super().__init__(fresh.database, VAULT, fresh.digest)
        self._at_once = Watched(fresh.database.connect, clock, watch)
        self._writer = self._at_once

    def payment_of(self, tid: str, merc_trx_no: str) -> Payment | None:
        """Return a number's payment as it was read back when it was last written."""
        return self._at_once.numbers.get((tid, merc_trx_no))

    def archive(self, payments: Sequence[Payment]) -> Future[int]:
        """Delete payments, and know only of those that are left."""
        archived = super().archive(payments)
        self._at_once.forget_deleted()
        return archived

    def damage(self, payment_id: str) -> None:
        """Make the frozen net-cancel of a payment unreadable."""
        connection = self._home.connect()
        connection.cursor().execute(self._home.spoil, (payment_id,))
        connection.commit()
        connection.close()

    def crash(self) -> None:
        """Have a connection end amid a transaction, and connect anew."""
        self._at_once.close()
        connection = self._home.connect()
        connection.cursor().execute(self._home.spoil, (ALL,))
        connection.close()

    def claim_lacking_key(
        self, *, world: str, writer: str, limit: int, hold_seconds: float
    ) -> Sequence[Claim]:
        """Claim with another vault key; return what that gives."""
        vault, self._vault = self._vault, ANOTHER_VAULT
        try:
            return self.claim_due(
                world=world, writer=writer, limit=limit, hold_seconds=hold_seconds
            ).result()
        except JournalUnavailable:
            return []
        finally:
            self._vault = vault

    def begin_order(self) -> DatabaseOrder:
        """Begin a merchant's transaction, and read in it."""
        order = DatabaseOrder(self._home, self, self._at_once.tell_confirmed)
        self._orders.append(order)
        return order

    def in_doubt(self, ask: Callable[[], Future[Any]], *, is_applied: bool) -> Any:  # noqa: ANN401  what a flow hears
        """Do what is asked, or lose it, where the commit raises; return what is told."""
        self._at_once.doubt = Doubt.APPLIED if is_applied else Doubt.LOST
        try:
            return ask().result()
        except JournalUnavailable as error:
            return Unavailable(str(error))
        finally:
            self._at_once.doubt = None

    def close(self) -> None:
        """Disconnect."""
        for order in self._orders:
            order.roll_back()
        self._at_once.close()
        self._at_once.forget_reader()


class Doubt(Enum):
    """What becomes of a commit that raises."""

    LOST = auto()
    APPLIED = auto()


class Watched(AtOnce[database.Session]):
    """Tells a watch what each work has written, once it is in the database."""

    def __init__(
        self, connect: Callable[[], Session], clock: Callable[[], float], watch: Watch
    ) -> None:
        super().__init__(lambda: WatchedSession(connect(), self._commit))
        self._clock = clock
        self._watch = watch
        self._reader = connect()
        self.doubt: Doubt | None = None
        """What becomes of the next commit; None: it is done and told."""
        self.numbers: dict[tuple[str, str], Payment] = {}
        self._committed: list[Written] = []

    def submit(self, work: Work[Any, T], *, writes: bool) -> SturdyFuture[T]:
        """Do a work, and commit it."""
        future = super().submit(work, writes=writes)
        self.doubt = None
        committed, self._committed = self._committed, []
        for query, values in committed:
            self._tell(query, values)
        return future

    def tell_confirmed(self, payment: Payment) -> None:
        """Tell the watch of what a merchant's own transaction has committed."""
        seen = {"id": payment.id, "seen_state": State.UNCONFIRMED, "event": Event.CONFIRMED}
        self._tell(Query.MOVE, seen)

    def forget_reader(self) -> None:
        """Close the connection through which what was written is read back."""
        self._reader.close()

    def forget_deleted(self) -> None:
        """Know only of payments that are in the database."""
        self.numbers = {
            number: payment
            for number, payment in self.numbers.items()
            if self._reader.execute(Query.READ, {"id": payment.id}).row is not None
        }

    def _commit(self, session: Session, written: Sequence[Written]) -> None:
        """Commit as is planned."""
        if self.doubt is Doubt.LOST:
            session.roll_back()
            raise CommitRaised
        session.commit()
        self._committed += written
        if self.doubt is Doubt.APPLIED:
            raise CommitRaised

    def _tell(self, query: Query, values: Mapping[str, Any]) -> None:
        """Tell the watch of a write, as it stands in the database now."""
        row = self._reader.execute(Query.READ, {"id": values["id"]}).row
        if row is None:
            raise Broken("I4", f"{values['id']} was told written, and is not in the journal")
        payment = rows.payment(row, database.now_by(self._clock))
        self.numbers[payment.tid, payment.merc_trx_no] = payment
        if query is Query.NOTE:
            self._watch.noted(payment.state, Event(values["event"]))
        else:
            source = None if query is Query.OPEN_NEW else State(values["seen_state"])
            self._watch.moved(source, Event(values["event"]), payment)


class CommitRaised(Exception):
    """No answer came to a commit."""


class WatchedSession:
    """A session whose commits are somebody else's, who is told what its transaction wrote."""

    def __init__(
        self,
        session: Session,
        commit: Callable[[Session, Sequence[Written]], None],
    ) -> None:
        self._session = session
        self._commit = commit
        self._written: list[Written] = []
        self.mark = session.mark
        self.undo_to = session.undo_to
        self.close = session.close
        self.is_trouble = session.is_trouble
        self.is_deadlock = session.is_deadlock
        self.is_refusal = session.is_refusal

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask, and keep what was written."""
        answer = self._session.execute(query, *values)
        if query in WRITES and answer.written == len(values):
            self._written += [(query, each) for each in values]
        return answer

    def begin(self, *, writes: bool) -> int:
        """Begin a transaction."""
        self._written = []
        return self._session.begin(writes=writes)

    def perform(self, works: Sequence[Work[Any, Any]], now: int) -> Sequence[Any]:
        """Do works, as every session does."""
        return operations.perform(self, works, now)

    def start_over(self) -> int:
        """Undo the transaction, and begin another."""
        self._written = []
        return self._session.start_over()

    def commit(self) -> None:
        """Have the transaction committed."""
        self._commit(self._session, self._written)

    def roll_back(self) -> None:
        """Undo the transaction."""
        self._session.roll_back()

    def health(self, now: int) -> Health:
        """Read back what is in force."""
        return self._session.health(now)

    @property
    def is_lost(self) -> bool:
        """Whether the session is."""
        return self._session.is_lost
