"""What a caller is told. Each outcome is a value; none of them is an exception."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netcancel.core.lifecycle import Event, Resolution, State
from netcancel.errors import NetcancelError
from netcancel.kicc import ApprovalAnswer

if TYPE_CHECKING:
    from netcancel.core.payment import Payment
    from netcancel.kicc import Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Charged, and the charge stands: ship. `state` unconfirmed: confirm it as well.

    `answer` is empty where not the gateway but a person vouches for the charge.
    """

    merc_trx_no: str
    state: State
    answer: ApprovalAnswer


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Proven refused: nothing was charged."""

    merc_trx_no: str
    state: State
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NetCancelled:
    """The answer was lost and the payment voided: ship nothing; a new try needs a new number."""

    merc_trx_no: str
    state: State
    loss: Loss | None
    """None: the owner died before it had an answer, or the approved amount was another one."""
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """Charged and refunded: ship nothing."""

    merc_trx_no: str
    state: State
    reason: str
    """Of `CancelReason`, or "refunded-outside" where a person says so."""
    requested: int
    """The amount that was asked for, whole KRW."""
    approved: int
    """The amount that was charged and refunded, whole KRW."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelRefused:
    """Not cancelled: the gateway refused, or there is nothing to cancel; a charge stands as it did.

    `code` is the gateway's; empty where nobody was asked.
    """

    merc_trx_no: str
    state: State
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InDoubt:
    """Not acknowledged yet: ship nothing; recovery carries on."""

    merc_trx_no: str
    state: State
    loss: Loss | None
    detail: str


Outcome = Approved | Declined | NetCancelled | Cancelled | InDoubt
"""What `approve` tells."""

CancelOutcome = Cancelled | CancelRefused | NetCancelled | InDoubt
"""What `cancel` tells."""


class PaymentNotApproved(NetcancelError):
    """The payment was not approved; `outcome` says what became of it."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self.outcome = outcome

    def __str__(self) -> str:
        return f"the payment is {self.outcome.state}, not approved"


def outcome_of(payment: Payment) -> Outcome:
    """Say what a payment's state means to its caller."""
    match payment.state:
        case State.APPROVED | State.UNCONFIRMED:
            return _approved(payment)
        case State.DECLINED:
            return Declined(
                merc_trx_no=payment.merc_trx_no,
                state=payment.state,
                code=payment.code or "",
                message=payment.message or "",
            )
        case State.SETTLING | State.NET_CANCELLED:
            return _net_cancelled(payment)
        case State.CANCELLED:
            return _cancelled(payment)
        case State.RESOLVED:
            return _resolved(payment)
        case _:
            return _in_doubt(payment)


def cancel_outcome_of(payment: Payment) -> CancelOutcome:
    """Say what a payment's state means to whoever wants it cancelled."""
    match payment.state:
        case State.CANCELLED:
            return _cancelled(payment)
        case State.SETTLING | State.NET_CANCELLED:
            return _net_cancelled(payment)
        case State.DECLINED:
            return _refused(payment, payment.code or "", "declined: there is nothing to cancel")
        case State.ESCALATED if payment.last_event is Event.CANCEL_REFUSED:
            return _refused(payment, payment.code or "", payment.message or "")
        case State.RESOLVED:
            return _resolved_cancel(payment)
        case _:
            return _in_doubt(payment)


def _approved(payment: Payment) -> Approved:
    return Approved(
        merc_trx_no=payment.merc_trx_no,
        state=payment.state,
        answer=payment.answer or ApprovalAnswer(),
    )


def _net_cancelled(payment: Payment) -> NetCancelled:
    return NetCancelled(
        merc_trx_no=payment.merc_trx_no,
        state=payment.state,
        loss=payment.loss,
        detail=payment.detail,
    )


def _cancelled(payment: Payment) -> Cancelled:
    return Cancelled(
        merc_trx_no=payment.merc_trx_no,
        state=payment.state,
        reason=payment.cancel_reason or Resolution.REFUNDED_OUTSIDE,
        requested=payment.trx_amt,
        approved=payment.approved_amt,
    )


def _refused(payment: Payment, code: str, message: str) -> CancelRefused:
    return CancelRefused(
        merc_trx_no=payment.merc_trx_no, state=payment.state, code=code, message=message
    )


def _in_doubt(payment: Payment) -> InDoubt:
    return InDoubt(
        merc_trx_no=payment.merc_trx_no,
        state=payment.state,
        loss=payment.loss,
        detail=payment.detail,
    )


def _resolved(payment: Payment) -> Approved | NetCancelled | Cancelled:
    """Say what a person found out; a charge that stands may have no proven answer."""
    match payment.resolution:
        case Resolution.CHARGE_STANDS:
            return _approved(payment)
        case Resolution.REFUNDED_OUTSIDE:
            return replace(_cancelled(payment), reason=Resolution.REFUNDED_OUTSIDE)
        case _:
            return _net_cancelled(payment)


def _resolved_cancel(payment: Payment) -> CancelRefused | NetCancelled | Cancelled:
    resolved = _resolved(payment)
    if isinstance(resolved, Approved):
        return _refused(payment, "", "a person found that the charge stands")
    return resolved
