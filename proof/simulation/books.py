"""The journal of a run, watched at every write.

What is handed over but not committed is lost when the database dies, and whoever asked hears that
it is unavailable. What is committed is durable: nothing else is ever told.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, TypeVar

from netcancel.core.effects import Unavailable
from netcancel.core.lifecycle import MOVES, RECOVERABLE, Event, State
from netcancel.core.payment import Opened
from netcancel.journal.memory import MemoryJournal
from proof.simulation.level import WORLDS
from proof.simulation.promises import Broken

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from netcancel.core.payment import Change, Intent, Known, Payment, TooMany, Used, Version

T = TypeVar("T")

SILENT: Final = Unavailable("no answer from the journal")

MOVED: Final = {
    (move.source, move.event): f"move: {move.source or '-'} {move.event}" for move in MOVES
}
NOTED: Final = {(state, event): f"noted: {state} {event}" for state in State for event in Event}


class Watch:
    """Hears of each write, and keeps which version made which state."""

    def __init__(
        self, hits: Counter[str], written: Callable[[Payment | None, Payment], None]
    ) -> None:
        """`written` hears of every payment that was just written, and how it was before."""
        self._hits = hits
        self._written = written
        self.latest: dict[str, Payment] = {}
        self.made: dict[tuple[str, Version], State] = {}

    def moved(self, source: State | None, event: Event, row: Payment) -> None:
        """Hear of a move; `source` None: the payment is new."""
        self._hits[MOVED[source, event]] += 1
        if row.due_at is None and row.state in RECOVERABLE:
            raise Broken("I5", f"{row.merc_trx_no} is {row.state} and nobody's")
        before = self.latest.get(row.id)
        self.latest[row.id] = row
        self.made[row.id, row.version] = row.state
        self._written(before, row)

    def noted(self, state: State, event: Event) -> None:
        """Hear of what is only noted."""
        self._hits[NOTED[state, event]] += 1


class Done(Future[T]):
    """A future that is done, without the locks that a real one has: nobody waits here."""

    def __init__(self, value: T) -> None:
        self._value = value

    def result(self, timeout: float | None = None) -> T:  # noqa: ARG002  it is there
        """Return the value."""
        return self._value


class MemoryBooks(MemoryJournal):
    """The journal in memory."""

    def __init__(self, clock: Callable[[], float], watch: Watch) -> None:
        super().__init__(clock)
        self._now = clock
        self._watch = watch

    def payment_of(self, tid: str, merc_trx_no: str) -> Payment | None:
        """Return what is durable of a number, without its history."""
        row = self._numbers.get((tid, merc_trx_no))
        return None if row is None else row.payment

    def damage(self, payment_id: str) -> None:
        """Make the frozen net-cancel of a payment unreadable."""
        if (row := self._rows.get(payment_id)) is not None:
            row.body = None

    def crash(self) -> None:
        """Lose nothing: what is done here is done."""

    def claim_lacking_key(self, **_: object) -> tuple[()]:
        """Give nothing: nothing is sealed here, so nobody lacks a key."""
        return ()

    @staticmethod
    def in_doubt(ask: Callable[[], Future[Any]], *, is_applied: bool) -> Unavailable:
        """Do what is asked, or lose it, and say that no answer came."""
        if is_applied:
            ask()
        return SILENT

    def begin_order(self) -> MemoryOrder:
        """Begin a merchant's transaction."""
        return MemoryOrder(self)

    def close(self) -> None:
        """End with the run."""

    def note(self, seen: Payment, event: Event, writer: str, change: Change) -> Future[None]:
        """Count what is only noted."""
        self._watch.noted(self._rows[seen.id].payment.state, event)
        return super().note(seen, event, writer, change)

    def _do(self, work: Callable[[int], T]) -> Future[T]:
        return Done(work(round(self._now() * 1_000_000)))

    def _open_new(self, intent: Intent, now: int) -> Opened | Known | Used | TooMany:
        opened = super()._open_new(intent, now)
        if isinstance(opened, Opened):
            self._watch.moved(None, Event.INTENT_WRITTEN, opened.payment)
        return opened

    def _move(
        self, seen: Payment, event: Event, writer: str, change: Change, now: int
    ) -> Payment | None:
        row = super()._move(seen, event, writer, change, now)
        if row is not None:
            self._watch.moved(seen.state, event, row)
        return row


class MemoryOrder:
    """Stands for a merchant's transaction: nobody else can have one in memory."""

    def __init__(self, books: MemoryBooks) -> None:
        self._books = books

    def confirm(self, tid: str, merc_trx_no: str, writer: str, *, commits: bool) -> Payment | None:
        """Confirm a payment, or do nothing."""
        if not commits:
            return None
        return self._books.confirm_if_unconfirmed(
            worlds=WORLDS, tid=tid, merc_trx_no=merc_trx_no, writer=writer
        ).result()

    def roll_back(self) -> None:
        """Have done nothing."""
