"""What a caller is told. Each outcome is a value; none of them is an exception."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netcancel.core.lifecycle import State

if TYPE_CHECKING:
    from netcancel.core.payment import Payment
    from netcancel.kicc import ApprovalAnswer, Loss


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved:
    """Proven charged, and the charge stands: ship."""

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
class InDoubt:
    """Not acknowledged yet: ship nothing; recovery carries on."""

    merc_trx_no: str
    state: State
    loss: Loss | None
    detail: str


Outcome = Approved | Declined | NetCancelled | InDoubt


def outcome_of(payment: Payment) -> Outcome:
    """Say what a payment's state means to its caller."""
    number, state = payment.merc_trx_no, payment.state
    match state:
        case State.APPROVED if payment.answer is not None:
            return Approved(merc_trx_no=number, state=state, answer=payment.answer)
        case State.DECLINED:
            return Declined(
                merc_trx_no=number,
                state=state,
                code=payment.code or "",
                message=payment.message or "",
            )
        case State.SETTLING | State.NET_CANCELLED:
            return NetCancelled(
                merc_trx_no=number, state=state, loss=payment.loss, detail=payment.detail
            )
        case _:
            return InDoubt(
                merc_trx_no=number, state=state, loss=payment.loss, detail=payment.detail
            )
