"""What must be true in every state of a world (docs/protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import FINAL, Event, Resolution, State
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH
from proof.exploration.books import TIMES
from proof.exploration.scene import is_quiet
from proof.exploration.search import Broken
from proof.simulation.promises import MAY_BE_VOIDED

if TYPE_CHECKING:
    from netcancel.core.effects import Signed
    from netcancel.core.payment import Payment
    from proof.exploration.scene import Scene

ASK_FOR_REFUNDS: Final = frozenset({"canceller", "voider"})
"""The roles that take back what they were told."""

ENDS: Final = frozenset(
    {"interrupted", "DuplicateTransaction", "InvalidRequest", "JournalUnavailable",
     "PaymentNotFound"}
)  # fmt: skip
"""How a flow may end without a payment."""


def check(s: Scene, row: Payment | None) -> None:
    """Raise `Broken` where a state breaks a promise."""
    if "approved" in s.told and not s.told & ASK_FOR_REFUNDS and s.charge != "live":
        raise Broken("I2: the caller was told that it is approved, and nobody is charged")
    if row is None:
        if s.charge == "live":
            raise Broken("I1: a charge that no journal knows")
        return
    if row.state is State.APPROVED and s.charge != "live":
        raise Broken("I8: approved in the journal, and nobody is charged")
    is_open = row.state not in FINAL | {State.ESCALATED}
    if is_open and row.due_at is None:
        raise Broken(f"I5: {row.state}, and nobody will ever look at it")
    if row.last_event is Event.POISONED and s.phase < len(TIMES) - 1:
        raise Broken("I1: the token is shredded while a late approval may need it")
    if is_quiet(s) and not s.approvals:
        _check_at_rest(row, s.charge)


def _check_at_rest(row: Payment, charge: str) -> None:
    is_void = row.state in {State.NET_CANCELLED, State.CANCELLED, State.DECLINED}
    if charge == "live" and (is_void or row.resolution is Resolution.NO_CHARGE):
        raise Broken(f"I1: {row.state} in the journal, and the customer is charged")
    stands = row.state is State.RESOLVED and row.resolution is Resolution.CHARGE_STANDS
    if stands and charge != "live":
        raise Broken("I1: a person let the charge stand, and there is none")


def check_sent(
    signed: Signed, row: Payment | None, net_cancel_body: bytes, *, has_lived_on: bool
) -> None:
    """Raise `Broken` where a request must not leave, for the journal has this row or none."""
    if row is None:
        raise Broken("I4: sent before its intent is durable")
    if signed.path == APPROVAL_PATH:
        return
    if signed.path == NET_CANCEL_PATH and signed.body != net_cancel_body:
        raise Broken("I3: the net-cancel has other data")
    if has_lived_on:
        return
    if signed.path == CANCEL_PATH and row.cancel_body != signed.body.decode():
        raise Broken("I4: a cancel is sent that no journal has")
    if row.state not in MAY_BE_VOIDED:
        raise Broken(f"I4: a void is sent of what the journal calls {row.state}")


def check_told(role: str, payment: Payment, row: Payment | None) -> None:
    """Raise `Broken` where a caller hears what is not durable."""
    if row is None or payment.version.counter > row.version.counter:
        raise Broken(f"I4: {role} hears {payment.state}, which no journal has")
    if payment.version == row.version and payment.state is not row.state:
        raise Broken(f"I4: {role} hears {payment.state}, but the journal has {row.state}")


def check_end(role: str, error: str | None) -> None:
    """Raise `Broken` where a flow fails by an error that nobody has promised."""
    if error is not None and error not in ENDS:
        raise Broken(f"the flow of {role} fails: {error}")
