"""The bound in time (I6), checked wherever nothing but what it allows for stands in the way.

It allows for lost answers, a gateway that is away, and an owner's death at any moment before it
owes a net-cancel. A fault that befalls a payment later, or everybody's journal, excuses it until
its effect is over; what begins after that is held to the bound again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import MICROSECONDS
from proof.simulation.promises import Broken

if TYPE_CHECKING:
    from netcancel.core.payment import Payment
    from proof.simulation.run import Run
    from proof.simulation.slot import Slot

AT_ONCE_SECONDS: Final = 0.1
"""What whoever holds a payment needs from the debt to the request: hardly more than a read."""

DUE_SECONDS: Final = 1.0
"""How late a worker may come to what is due."""


class Bounds:
    """Watches when what is owed is done."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def written(self, before: Payment | None, row: Payment) -> None:
        """Check how long it is held and how late this is, and note when a net-cancel is owed."""
        self._check_hold(row)
        if before is None:
            return
        self._check_due(before, row)
        if row.state is not State.NET_CANCELLING:
            self._run.slots[row.merc_trx_no].owed_at = None
        elif before.state is State.APPROVING:
            slot = self._run.slots[row.merc_trx_no]
            slot.owed_at = self._run.clockwork.now
            slot.owed_within = AT_ONCE_SECONDS if row.is_held else DUE_SECONDS + AT_ONCE_SECONDS

    def net_cancelled(self, slot: Slot) -> None:
        """Check that the first net-cancel of a debt goes out in time."""
        if (owed_at := slot.owed_at) is None:
            return
        slot.owed_at = None
        if max(slot.calm_from, self._run.calm_from) > owed_at:
            return
        self._run.hits["bound: first net-cancel"] += 1
        if (waited := self._run.clockwork.now - owed_at) > slot.owed_within:
            raise Broken("I6", f"the net-cancel of {slot.number} was owed for {waited:.3f} s")

    def _check_hold(self, row: Payment) -> None:
        if row.is_held and row.due_at is not None:
            held = (row.due_at - row.updated_at) / MICROSECONDS
            if held > self._run.policy.hold_seconds:
                raise Broken("I6", f"{row.merc_trx_no} is held for {held:.3f} s, which is no lease")

    def _check_due(self, before: Payment, row: Payment) -> None:
        if before.due_at is None:
            return
        late = self._run.journal_clock() - before.due_at / MICROSECONDS
        if late <= 0.0 or self._run.calm_from > self._run.clockwork.now - late:
            return
        if row.last_event is Event.LEASE_RAN_OUT:
            self._run.hits["bound: lease"] += 1
        if late > DUE_SECONDS:
            raise Broken("I6", f"{row.merc_trx_no} was due for {late:.3f} s")
