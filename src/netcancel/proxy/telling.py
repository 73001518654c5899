"""What a payment's state means to the shop that asked for it; always an answer it can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.core.lifecycle import Event, Resolution, State
from netcancel.core.payment import Asked
from netcancel.proxy.replies import (
    Refusal,
    Reply,
    echo_of,
    gateways,
    refusal,
    remembered_approval,
    success,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from netcancel.core.payment import Payment

    Kept = Callable[[Payment, Asked], Awaitable[bytes | None]]
    """Opens the kept bytes of an answer; None: shredded, or never kept."""

_OF_APPROVAL = {
    State.NET_CANCELLING: Refusal.VOIDED,
    State.SETTLING: Refusal.VOIDED,
    State.NET_CANCELLED: Refusal.VOIDED,
    State.CANCELLING: Refusal.AMOUNT_DIFFERED,
    State.CANCELLED: Refusal.AMOUNT_DIFFERED,
    State.ESCALATED: Refusal.NEEDS_A_PERSON,
    State.UNCONFIRMED: Refusal.UNKNOWN,
}
"""What an approval is refused with; only `approved` and `declined` have an answer to repeat."""

_VOID = frozenset({State.SETTLING, State.NET_CANCELLED, State.CANCELLED})


async def approval(payment: Payment, kept: Kept) -> Reply:
    """Answer an approval, the first one or a repeat of it."""
    match payment.state:
        case State.APPROVED | State.DECLINED:
            body = await kept(payment, Asked.APPROVAL)
            return remembered_approval(payment) if body is None else gateways(body)
        case State.RESOLVED if payment.resolution is Resolution.CHARGE_STANDS:
            return success("Approved, as a person found", payment)
        case State.RESOLVED:
            return _refused(Refusal.VOIDED, payment)
        case _:
            return _refused(_OF_APPROVAL.get(payment.state, Refusal.IN_DOUBT), payment)


async def cancel(payment: Payment, kept: Kept) -> Reply:
    """Answer a cancel; one that was lost is done when its net-cancel is acknowledged."""
    was_refused = payment.last_event is Event.CANCEL_REFUSED
    if payment.state is State.CANCELLED or was_refused:
        body = await kept(payment, Asked.CANCEL)
        if body is not None:
            return gateways(body)
    return _done_or_refused(payment, "Cancel Success")


def net_cancel(payment: Payment) -> Reply:
    """Answer a shop's own net-cancel; a declined payment has no charge, as it asks for."""
    if payment.state is State.DECLINED:
        return success("Net-Cancel Success: declined, nothing was charged", payment)
    return _done_or_refused(payment, "Net-Cancel Success")


def _done_or_refused(payment: Payment, message: str) -> Reply:
    match payment.state:
        case state if state in _VOID:
            return success(message, payment)
        case State.DECLINED:
            return _refused(Refusal.NOT_CANCELLED, payment)
        case State.ESCALATED:
            return _refused(Refusal.NEEDS_A_PERSON, payment)
        case State.RESOLVED if payment.resolution is Resolution.CHARGE_STANDS:
            return _refused(Refusal.NOT_CANCELLED, payment)
        case State.RESOLVED:
            return success(message, payment)
        case _:
            return _refused(Refusal.IN_DOUBT, payment)


def _refused(why: Refusal, payment: Payment) -> Reply:
    return refusal(why, echo=echo_of(payment))
