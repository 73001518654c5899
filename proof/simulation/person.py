"""A person, who decides what is to become of the payments that the machines have given up."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel import operators
from netcancel.core.effects import Unavailable
from netcancel.core.lifecycle import Resolution
from netcancel.errors import ConfigurationError
from netcancel.sandbox.ledger import Status
from proof.simulation.gateway import DELAY_SECONDS_MAX
from proof.simulation.promises import Broken

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from netcancel.core.payment import Payment
    from proof.simulation.run import Run
    from proof.simulation.slot import Slot

AGAIN_SECONDS: Final = 60.0
"""When to look again at what could not be decided."""


class Person:
    """Retries a payment, or closes it as the gateway's books say; may be left without an answer."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def look_at(self, slot: Slot, seen: Payment) -> None:
        """Decide on a payment some time after it was escalated."""
        seconds = 1.0 + 3600.0 * self._run.dice(slot) ** 3
        self._run.clockwork.after(seconds, partial(self._decide, slot, seen))

    def _decide(self, slot: Slot, seen: Payment) -> None:
        """Decide, unless somebody has written since."""
        row = self._unchanged(seen)
        if row is None:
            return
        if self._run.database.is_away:
            self._again(slot, seen)
            return
        slot.decisions += 1
        roll = self._run.dice(slot)
        if slot.decisions <= 2 and roll < 0.5:  # noqa: PLR2004  a person tries twice, if at all
            as_cancel = None if roll < 0.4 else False  # noqa: PLR2004  most take what is offered
            asked = partial(operators.retry, self._run.journal, row, by="kim", as_cancel=as_cancel)
            if self._is_unanswered(asked):
                self._again(slot, seen)
        elif (wait := self._must_wait(slot, row)) > 0.0:
            self._run.clockwork.after(wait, partial(self._decide, slot, row))
        else:
            self._resolve(slot, row, *self._finding(slot, row, roll))

    def _again(self, slot: Slot, seen: Payment) -> None:
        self._run.clockwork.after(AGAIN_SECONDS, partial(self._decide, slot, seen))

    def _unchanged(self, seen: Payment) -> Payment | None:
        row = self._run.journal.read(seen.id).result()
        return row if row is not None and row.version == seen.version else None

    def _must_wait(self, slot: Slot, row: Payment) -> float:
        """Return for how long something of a payment may still be on its way."""
        run = self._run
        over = slot.last_sent_at + DELAY_SECONDS_MAX + run.policy.timeout_seconds + 2.0
        wait = max(over - run.clockwork.now, 0.0)
        if wait == 0.0 and operators.why_not_resolve(row, run.policy) is not None:
            wait = AGAIN_SECONDS
        return wait

    def _finding(self, slot: Slot, row: Payment, roll: float) -> tuple[Resolution, bool]:
        """Say what a payment is closed as, and whether against what its caller was told."""
        charge = slot.charge
        if charge is None or charge.status is not Status.LIVE:
            return Resolution.NO_CHARGE, False
        told_void = operators.contradicts_what_was_told(row, Resolution.CHARGE_STANDS)
        if roll < 0.8:  # noqa: PLR2004  a refund at the counter is the usual way
            charge.status = Status.REFUNDED
            return Resolution.REFUNDED_OUTSIDE, False
        self._run.hits["resolved against what was told"] += told_void
        return Resolution.CHARGE_STANDS, told_void

    def _resolve(
        self,
        slot: Slot,
        seen: Payment,
        kind: Resolution,
        override: bool,  # noqa: FBT001  as it was found
    ) -> None:
        """Close a payment, unless somebody has written since."""
        row, run = self._unchanged(seen), self._run
        if row is None:
            return
        asked = partial(
            operators.resolve, run.journal, row, run.policy, kind,
            by="kim", note="found so", although_told_void=override,
        )  # fmt: skip
        try:
            is_unanswered = run.database.is_away or self._is_unanswered(asked)
        except ConfigurationError as error:
            raise Broken("I5", f"a person can't close {slot.number}: {error}") from error
        if is_unanswered:
            again = partial(self._resolve, slot, seen, kind, override)
            run.clockwork.after(AGAIN_SECONDS, again)

    def _is_unanswered(self, ask: Callable[[], Future[Any]]) -> bool:
        """Ask the journal, and say whether no answer came: then it may be done or not."""
        roll = self._run.chance()
        if roll >= 0.1:  # noqa: PLR2004  one in ten
            ask().result()
            return False
        self._run.hits["fault: person-unanswered"] += 1
        is_applied = roll < 0.05  # noqa: PLR2004  half of those
        return isinstance(self._run.journal.in_doubt(ask, is_applied=is_applied), Unavailable)
