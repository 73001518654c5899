"""The journal of a world: each operation is a real journal's, done once and remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.payment import MICROSECONDS, Entry, Payment
from proof.exploration.desks import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from concurrent.futures import Future

    from netcancel.journal import Journal
    from proof.exploration.desks import Desk, Life

TIMES: Final = (0, 1_000, 200_000, 1_000_000)
"""Seconds on the journal's clock: before the settle time, then after it, after the retry window,
and after the grace of what was closed by then."""

NOBODY: Final = -1
"""The row of a number that nobody has written."""


class Books:
    """Rows as small numbers, and what operations make of them."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.rows: list[Payment] = []
        self.lives: list[Life] = []
        """Of each row, its journal's."""
        self.plain: dict[int, int] = {NOBODY: NOBODY}
        """Of each row, the first that says the same of the payment: nobody's flow sees a life."""
        self._images: list[Any] = []
        """Of each row, as the desk keeps it."""
        self.moves: set[tuple[Any, Any]] = set()
        """Which rows of the table were reached: (source, event)."""
        self._plain: dict[Payment, int] = {}
        self._numbers: dict[tuple[Payment, Life], int] = {}
        self._done: dict[Hashable, tuple[int, Any]] = {}
        self._without: dict[tuple[int, str], int] = {}

    def close(self) -> None:
        """Close the desk."""
        self._desk.close()

    def do(
        self, key: Hashable, row: int, phase: int, work: Callable[[Journal], Future[Any]],
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
            forgetful = replace(payment, history=kept)
            self._without[place] = self._number(self._row(row)._replace(payment=forgetful))
        return self._without[place]

    def _do(
        self, row: int, phase: int, work: Callable[[Journal], Future[Any]], *, is_due: bool
    ) -> tuple[int, Any]:
        before = None if row == NOBODY else self._row(row)
        due_at = TIMES[phase] * MICROSECONDS if is_due else None
        done = self._desk.do(before, float(TIMES[phase]), due_at, work)
        if done.row is None:
            return NOBODY, done.answer
        old = None if before is None else before.payment
        lines = (() if old is None else old.history) + tuple(map(_bare, done.lines))
        payment = replace(done.row.payment, history=lines)
        if old is None or payment.version != old.version:
            self.moves.add((lines[-1].source, lines[-1].event))
        elif done.lines:
            self.moves.add((payment.state, lines[-1].event))
        if old is not None and is_due and payment.version == old.version:
            payment = replace(old, history=lines)
        return self._number(done.row._replace(payment=payment)), done.answer

    def _row(self, row: int) -> Row:
        return Row(self.rows[row], self.lives[row], self._images[row])

    def _number(self, row: Row) -> int:
        payment = row.payment
        closed_at = payment.updated_at if payment.state.is_final else 0
        bare = replace(
            payment, loss=None, code=None, message=None, detail="", updated_at=closed_at, read_at=0
        )  # fmt: skip
        number = self._numbers.setdefault((bare, row.life), len(self.rows))
        if number == len(self.rows):
            self.plain[number] = self._plain.setdefault(bare, number)
            self.rows.append(bare)
            self.lives.append(row.life)
            self._images.append(row.image)
        return number


def _bare(entry: Entry) -> Entry:
    return replace(entry, at=0, note="")
