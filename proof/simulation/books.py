"""The journal of a run: the real one in memory, watched at every write, and what a crash loses.

What is handed over but not committed is lost when the database dies, and whoever asked hears that
it is unavailable. What is committed is durable: nothing else is ever told.
"""

from __future__ import annotations

from concurrent.futures import Future
from typing import TYPE_CHECKING, Final, TypeVar

from netcancel.core.lifecycle import MOVES, RECOVERABLE, Event, State
from netcancel.core.payment import Opened
from netcancel.journal.memory import MemoryJournal
from proof.simulation.promises import Broken

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from netcancel.core.payment import Change, Intent, Known, Payment, TooMany, Used, Version

T = TypeVar("T")

MOVED: Final = {(move.source, move.event): f"move: {move.source} {move.event}" for move in MOVES}
NOTED: Final = {(state, event): f"noted: {state} {event}" for state in State for event in Event}


class Done(Future[T]):
    """A future that is done, without the locks that a real one has: nobody waits here."""

    def __init__(self, value: T) -> None:
        self._value = value

    def result(self, timeout: float | None = None) -> T:  # noqa: ARG002  it is there
        """Return the value."""
        return self._value


class WatchedJournal(MemoryJournal):
    """Tells of each write, and keeps which version made which state."""

    def __init__(
        self,
        clock: Callable[[], float],
        hits: Counter[str],
        written: Callable[[Payment], None],
    ) -> None:
        """`written` hears of every payment that was just written."""
        super().__init__(clock)
        self._now = clock
        self._hits = hits
        self._written = written
        self.latest: dict[str, Payment] = {}
        self.made: dict[tuple[str, Version], State] = {}

    def now(self) -> float:
        """Return the journal's own time."""
        return self._now()

    def payment_of(self, tid: str, merc_trx_no: str) -> Payment | None:
        """Return what is durable of a number, without its history."""
        row = self._numbers.get((tid, merc_trx_no))
        return None if row is None else row.payment

    def body_of(self, payment_id: str) -> bytes | None:
        """Return a frozen net-cancel; None: damaged, shredded or not there."""
        row = self._rows.get(payment_id)
        return None if row is None else row.body

    def damage(self, payment_id: str) -> None:
        """Make the frozen net-cancel of a payment unreadable."""
        if (row := self._rows.get(payment_id)) is not None:
            row.body = None

    def note(self, seen: Payment, event: Event, writer: str, change: Change) -> Future[None]:
        """Count what is only noted."""
        state = self._rows[seen.id].payment.state
        self._hits[NOTED[state, event]] += 1
        return super().note(seen, event, writer, change)

    def _do(self, work: Callable[[int], T]) -> Future[T]:
        return Done(work(round(self._now() * 1_000_000)))

    def _open_new(self, intent: Intent, now: int) -> Opened | Known | Used | TooMany:
        opened = super()._open_new(intent, now)
        if isinstance(opened, Opened):
            self._hits["move: - intent_written"] += 1
            self._keep(opened.payment)
        return opened

    def _move(
        self, seen: Payment, event: Event, writer: str, change: Change, now: int
    ) -> Payment | None:
        row = super()._move(seen, event, writer, change, now)
        if row is not None:
            self._hits[MOVED[seen.state, event]] += 1
            self._keep(row)
        return row

    def _keep(self, row: Payment) -> None:
        if row.state in RECOVERABLE and row.due_at is None:
            raise Broken("I5", f"{row.merc_trx_no} is {row.state} and nobody's")
        self.latest[row.id] = row
        self.made[row.id, row.version] = row.state
        self._written(row)
