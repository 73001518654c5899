"""A merchant that confirms in the transaction of its own order, which it holds open for a while.

What it has read in it before is how things were then; what it is told must be how they are.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netcancel.core.lifecycle import State

if TYPE_CHECKING:
    from netcancel.core.payment import Payment
    from proof.simulation.level import OrderTransaction
    from proof.simulation.run import Run
    from proof.simulation.slot import Slot


class Shop:
    """Begins orders, and confirms their payments."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def begin(self, slot: Slot, seconds: float) -> None:
        """Begin an order's transaction, and come back to it so many seconds later."""
        run = self._run
        if run.database.is_away:
            return
        order = run.journal.begin_order()
        seen = run.journal.payment_of(slot.tid, slot.number)
        run.clockwork.after(seconds, partial(self._end, slot, order, run.database.life, seen))

    def _end(self, slot: Slot, order: OrderTransaction, life: int, seen: Payment | None) -> None:
        """Confirm, unless the database has crashed meanwhile; the order may fail behind that."""
        run = self._run
        if run.database.is_away or run.database.life != life:
            order.roll_back()
            return
        roll = run.chance()
        commits = roll < 0.9  # noqa: PLR2004  most orders are whole
        payment = order.confirm(slot.tid, slot.number, run.new_writer(), commits=commits)
        run.hits["call: confirm in an order"] += 1
        if payment is None or not commits:
            return
        if seen is not None and seen.state is State.APPROVED is not payment.state:
            run.hits["order: approved when it began, and taken back since"] += 1
        if roll < 0.8:  # noqa: PLR2004  the others die before they hear of it
            run.told_at_once(slot, payment)
