"""Cancel: refund an approved charge once; what is lost on the way is net-cancelled (spec 3.6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from netcancel.core.effects import (
    Alarm,
    CancelStamp,
    Exchange,
    Find,
    Flow,
    HandOver,
    Now,
    OpenBody,
    Sign,
    StampCancel,
    Unavailable,
    perform,
)
from netcancel.core.flows.net_cancelling import (
    is_authentication_failure,
    may_send,
    net_cancel,
)
from netcancel.core.flows.writing import (
    Fate,
    Hand,
    await_decision,
    finish,
    kept_answer,
    or_hand_over,
    write,
)
from netcancel.core.lifecycle import CancelReason, Event, State, is_move
from netcancel.core.patience import is_too_old_to_net_cancel
from netcancel.core.payment import Asked, Change, Claim, FrozenCancel, Payment
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.core.refund import check_cancel, freeze_cancel
from netcancel.errors import InvalidRequest, JournalUnavailable, PaymentNotFound
from netcancel.kicc import (
    CANCEL_PATH,
    AnswerLost,
    CancelProven,
    CancelRequest,
    Expected,
    Refused,
    judge_cancel,
)

if TYPE_CHECKING:
    from netcancel.core.policy import Policy

LOST: Final = "the cancel is lost"
UNCANCELLABLE: Final = "no cancel can be built from what the approval's answer says"


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelWish:
    """Which payment is to be cancelled, by whom, and how."""

    worlds: frozenset[str]
    tid: str
    merc_trx_no: str
    writer: str
    cancel_trx_no: str | None = None
    """The cancel's own number; None: a new one."""
    body: bytes | None = field(default=None, repr=False)
    """The cancel's body, where somebody else has written it; None: it is built."""
    keeps_answer: bool = False
    """Whether somebody will ask for the very bytes of the answer."""


def cancel(wish: CancelWish, policy: Policy) -> Flow[Payment]:
    """Refund a payment because its caller asks for it; return it as it is then.

    What is closed or in doubt stays as it is; while somebody else is at work, it waits. Where no
    cancel can be built, a net-cancel takes its place (spec 3.6), or a person decides. Raises
    `PaymentNotFound`, `InvalidRequest` (the cancel's own number is none, or is used) and
    `JournalUnavailable`: then nothing was sent.
    """
    until = (yield from perform(Now())) + policy.shortest_lease_seconds
    row = yield from _void(wish, Event.CANCEL_ASKED, CancelReason.ASKED, policy)
    return (yield from await_decision(row, until))


def reject(wish: CancelWish, policy: Policy) -> Flow[Payment]:
    """Refund an unconfirmed payment whose merchant failed (spec 2.4); leave any other alone.

    Raises `PaymentNotFound` and `JournalUnavailable`: then nothing was sent.
    """
    return (yield from _void(wish, Event.REJECTED, CancelReason.REJECTED, policy))


def cancel_claimed(payment: Payment, hand: Hand, policy: Policy) -> Flow[Payment]:
    """Cancel a payment that recovery has claimed, unless a sender has had it before."""
    if payment.attempts > 0:
        note = f"{LOST}: its sender died, or was too slow"
        return (yield from _lost(payment, note, hand, policy))
    stamp = yield from perform(StampCancel())
    now = yield from perform(Now())
    frozen = freeze_cancel(payment, stamp)
    if frozen is None:
        return (yield from _lost(payment, UNCANCELLABLE, hand, policy))
    change = Change(hold_seconds=policy.hold_seconds, attempts=1, cancel=frozen)
    row, _ = yield from write(payment, Event.CANCEL_FROZEN, change, hand)
    if not hand.holds(row, payment, State.CANCELLING):
        return row
    hand = replace(hand, give_up_at=now + policy.shortest_lease_seconds)
    return (yield from send_cancel(row, frozen, hand, policy))


def send_cancel(
    payment: Payment,
    frozen: FrozenCancel,
    hand: Hand,
    policy: Policy,
    *,
    goes_on: bool = True,
    keeps_answer: bool = False,
) -> Flow[Payment]:
    """Send the one cancel of a payment that we hold, and write what came of it.

    `goes_on`: where its answer is lost, the net-cancel follows at once; else it is recovery's.
    """
    signed = yield from perform(Sign(payment.world, CANCEL_PATH, frozen.body))
    if not may_send(signed, (yield from perform(Now())), hand, policy):
        yield HandOver(payment.id, hand.writer)  # we were paused: it could outlast our lease
        return payment
    reception = yield from perform(Exchange(signed, policy.timeout_seconds))
    kept = kept_answer(Asked.CANCEL, reception) if keeps_answer else None
    verdict = judge_cancel(reception, Expected.of(CancelRequest.received(frozen.body)))
    is_about_signature = is_authentication_failure(verdict, policy)
    if is_about_signature:
        yield Alarm(payment, "the gateway refused the signature of its cancel")
    match verdict:
        case CancelProven(code, message):
            change = Change(code=code, message=message, kept_answer=kept)
            return (yield from finish(payment, Event.CANCEL_PROVEN, change, hand))
        case Refused(code) if is_about_signature:
            note = f"{LOST}: its signature was refused with {code}"
            return (yield from _lost(payment, note, hand, policy, goes_on=goes_on))
        case Refused(code, message):
            note = f"the cancel was refused with {code}"
            change = Change(code=code, message=message, alarmed=True, kept_answer=kept, note=note)
            return (yield from finish(payment, Event.CANCEL_REFUSED, change, hand))
        case AnswerLost(loss, detail):
            note = f"{LOST}: {loss}: {detail}"
            return (yield from _lost(payment, note, hand, policy, goes_on=goes_on))


def _void(wish: CancelWish, event: Event, reason: CancelReason, policy: Policy) -> Flow[Payment]:
    row = yield from _find(wish, wish.merc_trx_no)
    if row is None or row.world not in wish.worlds:
        raise PaymentNotFound("the journal knows no such payment of this gateway")
    number = wish.cancel_trx_no
    if number is not None and (yield from _find(wish, number)) is not None:
        raise InvalidRequest("cancel_trx_no", "must be a number that no payment has")
    flow = _void_found(row, wish, event, reason, policy)
    return (yield from or_hand_over(flow, row.id, wish.writer))


def _find(wish: CancelWish, number: str) -> Flow[Payment | None]:
    found = yield from perform(Find(wish.tid, number))
    if isinstance(found, Unavailable):
        raise JournalUnavailable(f"the journal could not be read: {found.detail}")
    return found


def _void_found(
    row: Payment, wish: CancelWish, event: Event, reason: CancelReason, policy: Policy
) -> Flow[Payment]:
    """Ask for the cancel as long as the payment's state allows it, and send it.

    Once asked for, it never is allowed again: whoever was fenced asks anew.
    """
    while is_move(row.state, event):
        now = yield from perform(Now())
        hand = Hand(wish.writer, now + policy.shortest_lease_seconds)
        # Nothing is sent yet, and the journal may be waiting for a transaction of the caller's own.
        asking = replace(hand, give_up_at=now + COMMIT_BUDGET_SECONDS)
        frozen = yield from _freeze(row, wish)
        seen = row
        row, fate = yield from write(seen, event, _asked(seen, frozen, reason, policy), asking)
        if fate is Fate.UNKNOWN:
            raise JournalUnavailable("the cancel could not be written; nothing was sent")
        if hand.holds(row, seen, State.CANCELLING):
            if frozen is None:
                return (yield from _lost(row, UNCANCELLABLE, hand, policy))
            keeps = wish.keeps_answer
            return (yield from send_cancel(row, frozen, hand, policy, keeps_answer=keeps))
    return row


def _freeze(row: Payment, wish: CancelWish) -> Flow[FrozenCancel | None]:
    """Freeze the cancel; None: there is nothing to cancel by, and a net-cancel is owed instead."""
    if row.state is State.APPROVING:
        return None
    if wish.body is not None:
        return check_cancel(row, wish.body)
    stamp = yield from perform(StampCancel())
    if wish.cancel_trx_no is not None:
        stamp = CancelStamp(wish.cancel_trx_no, stamp.tran_dt, stamp.tran_tm)
    return freeze_cancel(row, stamp)


def _asked(
    seen: Payment, frozen: FrozenCancel | None, reason: CancelReason, policy: Policy
) -> Change:
    """Say what asking for a cancel does to a payment."""
    if seen.state is State.APPROVING:
        detail = "a cancel was asked for before the outcome was known"
        return Change(due_seconds=0.0, begins_debt=True, detail=detail)
    owed = Change(hold_seconds=policy.hold_seconds, begins_debt=True, cancel_reason=reason)
    return owed if frozen is None else replace(owed, attempts=1, cancel=frozen)


def _lost(
    payment: Payment, note: str, hand: Hand, policy: Policy, *, goes_on: bool = True
) -> Flow[Payment]:
    """Follow a cancel that nobody knows the end of, or can build: by a net-cancel, or a person."""
    body = yield from perform(OpenBody(payment.id))
    now = yield from perform(Now())
    if (reason := _no_net_cancel(payment, body, policy)) is not None:
        change = Change(alarmed=True, note=f"{note}; {reason}")
        return (yield from finish(payment, Event.CANCEL_UNDECIDED, change, hand))
    if isinstance(body, Unavailable) or not goes_on:
        change = Change(begins_debt=True, due_seconds=0.0, note=note)
        return (yield from finish(payment, Event.CANCEL_LOST, change, hand))
    change = Change(begins_debt=True, hold_seconds=policy.hold_seconds, attempts=1, note=note)
    row, _ = yield from write(payment, Event.CANCEL_LOST, change, hand)
    if not hand.holds(row, payment, State.NET_CANCELLING):
        return row
    hand = replace(hand, give_up_at=now + policy.shortest_lease_seconds)
    return (yield from net_cancel(Claim(row, body), hand, policy, is_late=row.is_settled))


def _no_net_cancel(
    payment: Payment, body: bytes | Unavailable | None, policy: Policy
) -> str | None:
    """Say why no net-cancel may follow a lost cancel; None: one does."""
    if policy.lost_cancel == "ask-a-person":
        return "a person is to decide, by the policy"
    if body is None:
        return "the net-cancel's data is shredded or can't be opened"
    if is_too_old_to_net_cancel(policy, payment):
        return "the approval is older than the retry window"
    return None
