"""Void: a caller's own net-cancel, joined with ours (spec 2.1).

Whoever asks for it has lost an answer, of this journal or on the way to it, and can't know whether
there is a charge. So what is known is told, what is open is voided, and a number that nobody knows
is owed a net-cancel like any other: from then on it is used, and a late approval of it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from netcancel.core.effects import Flow, HandOver, Now, Open, OpenBody, Unavailable, perform
from netcancel.core.flows.cancelling import CancelWish, cancel
from netcancel.core.flows.net_cancelling import net_cancel
from netcancel.core.flows.writing import Fate, Hand, await_decision, or_hand_over, write
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Claim, Intent, Known, Opened, Payment, Used
from netcancel.errors import InvalidRequest, JournalUnavailable, PaymentNotFound

if TYPE_CHECKING:
    from netcancel.core.policy import Policy

AGREED: Final = (
    "svc_id",
    "bizr_no",
    "alot_month",
    "trx_amt",
    "vat_amt",
    "svc_amt",
)
"""What a net-cancel repeats of its approval, besides the number and the token (spec 2.2).

Not its time: a repeated approval may have another one than the first, which is the one that was
sent, and whose data ours repeats.
"""


@dataclass(frozen=True, slots=True)
class VoidWish:
    """Which payment is to be void; `intent` is what its net-cancel says of it."""

    intent: Intent
    worlds: frozenset[str]


def void(wish: VoidWish, policy: Policy) -> Flow[Payment]:
    """Make certain that a number is not charged, as far as that is possible now; return its row.

    An approved payment is cancelled: its caller asks for it. Raises `InvalidRequest` (not the
    approval's data), `PaymentNotFound` (another world's) and `JournalUnavailable`.
    """
    intent = wish.intent
    return (yield from or_hand_over(_open_and_void(wish, policy), intent.id, intent.writer))


def _open_and_void(wish: VoidWish, policy: Policy) -> Flow[Payment]:
    now = yield from perform(Now())
    hand = Hand(wish.intent.writer, now + policy.shortest_lease_seconds)
    opened = yield from perform(Open(wish.intent))
    if isinstance(opened, Used):
        raise PaymentNotFound("the payment of this number is closed, and archived")
    if not isinstance(opened, Opened | Known):
        raise JournalUnavailable("the net-cancel could not be written; ask again")
    payment = opened.payment
    _check(payment, wish)
    flow = _void_found(payment, wish, hand, policy)
    return (yield from or_hand_over(flow, payment.id, hand.writer))


def _check(payment: Payment, wish: VoidWish) -> None:
    if payment.world not in wish.worlds:
        raise PaymentNotFound("the journal knows no such payment of this gateway")
    for name in AGREED:
        if getattr(payment, name) != getattr(wish.intent, name):
            raise InvalidRequest(name, "must be the approval's: a net-cancel repeats its data")


def _void_found(payment: Payment, wish: VoidWish, hand: Hand, policy: Policy) -> Flow[Payment]:
    """Void what is open or stands; whoever writes meanwhile makes it look again."""
    while payment.state is State.APPROVING:
        payment = yield from _net_cancel_at_once(payment, hand, policy)
    if payment.state in {State.APPROVED, State.UNCONFIRMED}:
        return (yield from cancel(_as_cancel(wish), policy))
    return (yield from await_decision(payment, hand.give_up_at))


def _as_cancel(wish: VoidWish) -> CancelWish:
    intent = wish.intent
    return CancelWish(
        worlds=wish.worlds,
        tid=intent.tid,
        merc_trx_no=intent.merc_trx_no,
        writer=intent.writer,
    )


def _net_cancel_at_once(payment: Payment, hand: Hand, policy: Policy) -> Flow[Payment]:
    """Take an open payment from whoever has it and send its net-cancel; return it as it is then."""
    change = Change(
        hold_seconds=policy.hold_seconds,
        begins_debt=True,
        attempts=1,
        detail="its caller lost the answer and asked for a net-cancel",
    )
    now = yield from perform(Now())
    row, fate = yield from write(payment, Event.CANCEL_ASKED, change, hand)
    if fate is Fate.UNKNOWN:
        raise JournalUnavailable("the net-cancel could not be written; ask again")
    if not hand.holds(row, payment, State.NET_CANCELLING):
        return row
    body = yield from perform(OpenBody(row.id))
    if isinstance(body, Unavailable):
        yield HandOver(row.id, hand.writer)
        return row
    hand = replace(hand, give_up_at=now + policy.shortest_lease_seconds)
    return (yield from net_cancel(Claim(row, body), hand, policy, is_late=row.is_settled))
