"""The promises of docs/protocol.md, each checked where it can break."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.core.lifecycle import CancelReason, Resolution, State
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH
from netcancel.sandbox.ledger import Status

if TYPE_CHECKING:
    from netcancel.core.effects import Signed
    from netcancel.core.payment import Payment
    from netcancel.sandbox.ledger import Charge
    from proof.simulation.books import Watch
    from proof.simulation.level import Books
    from proof.simulation.slot import Slot

MAY_BE_VOIDED = frozenset(
    {
        State.NET_CANCELLING,
        State.SETTLING,
        State.NET_CANCELLED,
        State.CANCELLING,
        State.CANCELLED,
        State.ESCALATED,
        State.RESOLVED,
    }
)
"""In every other state nobody has written down that a void is owed."""

TOLD_SAFE = frozenset({State.APPROVED, State.UNCONFIRMED})
TOLD_FREE = frozenset({State.DECLINED, State.SETTLING, State.NET_CANCELLED, State.CANCELLED})


class Broken(Exception):
    """A promise did not hold."""

    def __init__(self, promise: str, what: str) -> None:
        super().__init__(f"{promise}: {what}")
        self.promise = promise


class Promises:
    """Checks the promises of one run."""

    def __init__(self, journal: Books, watch: Watch) -> None:
        self._journal = journal
        self._watch = watch

    def sent(self, slot: Slot, signed: Signed) -> None:
        """Check what is about to leave a host: I3, I4 and I7."""
        row = self._journal.payment_of(slot.tid, slot.number)
        if row is None:
            raise Broken("I4", f"{signed.path} of {slot.number} was sent before it was written")
        if signed.path == APPROVAL_PATH:
            if slot.approvals_sent:
                raise Broken("I7", f"{slot.number} was sent for approval twice")
            if signed.body != slot.approvals.get(row.id):
                raise Broken("I4", f"the approval of {slot.number} is not the frozen one")
            slot.approvals_sent += 1
        elif signed.path == CANCEL_PATH:
            if signed.body.decode() != row.cancel_body:
                raise Broken("I4", f"the cancel of {slot.number} is not the one written down")
            if signed.body in slot.cancels_sent:
                raise Broken("I7", f"a cancel of {slot.number} was sent twice")
            slot.cancels_sent.append(signed.body)
        else:
            self._net_cancel_sent(slot, signed.body, row)

    @staticmethod
    def _net_cancel_sent(slot: Slot, body: bytes, row: Payment) -> None:
        if body != slot.net_cancels[row.id]:
            raise Broken("I3", f"the net-cancel of {slot.number} is not the approval's data")
        if row.state not in MAY_BE_VOIDED:
            raise Broken("I4", f"{slot.number} is {row.state} while its net-cancel is sent")

    @staticmethod
    def charged(slot: Slot) -> None:
        """Check a number that is just being charged: only one charge can be accounted for (I1)."""
        if slot.charge is not None and slot.charge.status is Status.LIVE:
            raise Broken("I1", f"{slot.number} is charged twice")

    def voided(self, slot: Slot) -> None:
        """Check a charge that was just voided or refunded: I2."""
        row = self._journal.payment_of(slot.tid, slot.number)
        if row is None or row.state not in MAY_BE_VOIDED:
            state = "unknown" if row is None else row.state
            raise Broken("I2", f"{slot.number} was voided while it is {state}")
        if slot.told_approved and row.cancel_reason is None:
            raise Broken("I2", f"{slot.number} was voided after its caller was told approved")
        if row.resolution is Resolution.CHARGE_STANDS and row.state is State.RESOLVED:
            raise Broken("I2", f"{slot.number} was voided after a person let its charge stand")

    def told(self, slot: Slot, payment: Payment, charge: Charge | None) -> None:
        """Check what a caller is told: I4 (durable) and I8 (proven)."""
        state = payment.state
        if state not in TOLD_SAFE and state not in TOLD_FREE:
            return
        if self._watch.made.get((payment.id, payment.version)) is not state:
            raise Broken("I4", f"{slot.number} was told {state}, and that is not durable")
        if state in TOLD_SAFE:
            if charge is None or charge.trx_amt != payment.trx_amt:
                raise Broken("I8", f"{slot.number} was told {state} without a charge of its amount")
            if charge.status is not Status.LIVE:
                row = self._watch.latest[payment.id]
                if row.cancel_reason is None:
                    raise Broken("I2", f"{slot.number} was told {state}, and it is void")
            slot.told_approved = True
        elif state is State.DECLINED and charge is not None:
            raise Broken("I8", f"{slot.number} was told declined, and it is charged")

    def told_at_once(self, slot: Slot, payment: Payment) -> None:
        """Check what is told in the moment in which it is read: it is how things are (I4)."""
        now = self._watch.latest[payment.id]
        if payment.version != now.version:
            raise Broken("I4", f"{slot.number} was told {payment.state} when it was {now.state}")

    def keeps_token(self, row: Payment) -> None:
        """Check that a payment can still be voided, should it turn out to be charged (I1)."""
        if self._journal.open_body(row.id).result() is None:
            raise Broken("I1", f"the token of {row.merc_trx_no} is gone within its grace")

    def closed(self, slot: Slot, row: Payment | None, charge: Charge | None) -> None:
        """Check one payment when everything is over, and what was written of it: I1, I2 and I5."""
        is_live = charge is not None and charge.status is Status.LIVE
        if row is None:
            if charge is not None:
                raise Broken("I1", f"{slot.number} is charged, and no journal knows it")
            return
        if not row.state.is_final:
            raise Broken("I5", f"{slot.number} is {row.state} for ever")
        is_resolved = row.state is State.RESOLVED and row.resolution is Resolution.CHARGE_STANDS
        stands = row.state is State.APPROVED or is_resolved
        if is_live and not stands:
            raise Broken("I1", f"{slot.number} is charged, and {row.state}")
        if stands and not is_live:
            raise Broken("I2", f"{slot.number} is {row.state} as charged, and it is not")
        if slot.told_approved and not stands and row.cancel_reason not in set(CancelReason):
            raise Broken("I2", f"{slot.number} was told approved, and is {row.state}")
