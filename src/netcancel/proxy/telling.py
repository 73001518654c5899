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
    from collections.abc import Awaitable, Callable, Mapping

    from netcancel.core.payment import Payment
    from netcancel.kicc import CancelRequest

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
            return success("Approved, as a person found", echo=echo_of(payment))
        case State.RESOLVED:
            return refusal(Refusal.VOIDED, echo=echo_of(payment))
        case _:
            why = _OF_APPROVAL.get(payment.state, Refusal.IN_DOUBT)
            return refusal(why, echo=echo_of(payment))


async def cancel(payment: Payment, request: CancelRequest, kept: Kept) -> Reply:
    """Answer a cancel; one that was lost is done when its net-cancel is acknowledged.

    The gateway's own bytes answer the cancel of their number only: another may have followed it.
    """
    was_answered = payment.state is State.CANCELLED or payment.last_event is Event.CANCEL_REFUSED
    if was_answered and payment.cancel_trx_no == request.merc_trx_no:
        body = await kept(payment, Asked.CANCEL)
        if body is not None:
            return gateways(body)
    return _done_or_refused(payment, "Cancel Success", echo_of(request))


def net_cancel(payment: Payment) -> Reply:
    """Answer a shop's own net-cancel; a declined payment has no charge, as it asks for."""
    echo = echo_of(payment)
    if payment.state is State.DECLINED:
        return success("Net-Cancel Success: declined, nothing was charged", echo=echo)
    return _done_or_refused(payment, "Net-Cancel Success", echo)


def _done_or_refused(payment: Payment, message: str, echo: Mapping[str, object]) -> Reply:
    match payment.state:
        case state if state in _VOID:
            return success(message, echo=echo)
        case State.DECLINED:
            return refusal(Refusal.NOT_CANCELLED, echo=echo)
        case State.ESCALATED:
            return refusal(Refusal.NEEDS_A_PERSON, echo=echo)
        case State.RESOLVED if payment.resolution is Resolution.CHARGE_STANDS:
            return refusal(Refusal.NOT_CANCELLED, echo=echo)
        case State.RESOLVED:
            return success(message, echo=echo)
        case _:
            return refusal(Refusal.IN_DOUBT, echo=echo)
