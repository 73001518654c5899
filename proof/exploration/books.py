"""The journal of a world: each operation is the memory journal's own, done once and remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.payment import MICROSECONDS, Entry, Intent, Payment
from netcancel.journal.memory import MemoryJournal

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable
    from concurrent.futures import Future

TIMES: Final = (0, 1_000, 200_000, 1_000_000)
"""Seconds on the journal's clock: before the settle time, then after it, after the retry window,
and after the grace of what was closed by then."""

NOBODY: Final = -1
"""The row of a number that nobody has written."""


class Books:
    """Rows as small numbers, and what operations make of them."""

    def __init__(self, intents: Iterable[Intent]) -> None:
        self._intents = {intent.id: intent for intent in intents}
        self.rows: list[Payment] = []
        self.moves: set[tuple[Any, Any]] = set()
        """Which rows of the table were reached: (source, event)."""
        self._numbers: dict[Payment, int] = {}
        self._done: dict[Hashable, tuple[int, Any]] = {}
        self._without: dict[tuple[int, str], int] = {}

    def do(
        self, key: Hashable, row: int, phase: int, work: Callable[[MemoryJournal], Future[Any]],
        *, is_due: bool = False,
    ) -> tuple[int, Any]:  # fmt: skip
        """Do `work` on a row; return the row after it and the answer; `key` stands for `work`.

        `is_due`: the row's lease has run out by now, whatever the row says.
        """
        place = key, row, phase
        if place not in self._done:
            self._done[place] = self._do(row, phase, work, is_due=is_due)
        return self._done[place]

    def without(self, row: int, writer: str) -> int:
        """Forget which versions somebody wrote who will never ask."""
        if row == NOBODY:
            return row
        place = row, writer
        if place not in self._without:
            payment = self.rows[row]
            kept = tuple(entry for entry in payment.history if entry.version.writer != writer)
            self._without[place] = self._number(replace(payment, history=kept))
        return self._without[place]

    def _do(
        self, row: int, phase: int, work: Callable[[MemoryJournal], Future[Any]], *, is_due: bool
    ) -> tuple[int, Any]:
        journal = MemoryJournal(lambda: float(TIMES[0]))
        if row != NOBODY:
            self._restore(journal, self.rows[row], TIMES[phase], is_due=is_due)
        journal._clock = lambda: float(TIMES[phase])  # noqa: SLF001  a journal at any moment
        answer = work(journal).result()
        for kept in journal._rows.values():  # noqa: SLF001  likewise
            if row == NOBODY or kept.payment.version != self.rows[row].version:
                last = kept.history[-1]
                self.moves.add((last.source, last.event))
            elif len(kept.history) > len(self.rows[row].history):
                self.moves.add((kept.payment.state, kept.history[-1].event))
            same = is_due and kept.payment.version == self.rows[row].version
            payment = replace(
                self.rows[row] if same else kept.payment, history=tuple(map(_bare, kept.history))
            )
            return self._number(payment), answer
        return NOBODY, answer

    def _restore(self, journal: MemoryJournal, payment: Payment, now: int, *, is_due: bool) -> None:
        journal.open_new(self._intents[payment.id]).result()
        row = journal._rows[payment.id]  # noqa: SLF001  a journal as it was
        row.history = list(payment.history)
        at = now * MICROSECONDS
        row.payment = replace(payment, history=(), due_at=at if is_due else payment.due_at)

    def _number(self, payment: Payment) -> int:
        closed_at = payment.updated_at if payment.state.is_final else 0
        bare = replace(
            payment, loss=None, code=None, message=None, detail="", updated_at=closed_at, read_at=0
        )  # fmt: skip
        number = self._numbers.setdefault(bare, len(self.rows))
        if number == len(self.rows):
            self.rows.append(bare)
        return number


def _bare(entry: Entry) -> Entry:
    return replace(entry, at=0, note="")
