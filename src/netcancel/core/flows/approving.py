"""Approve: charge once and know it, or make certain that nobody is charged."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from netcancel.core.effects import (
    Alarm,
    Exchange,
    Flow,
    Note,
    Now,
    Open,
    Read,
    Sign,
    Signed,
    Sleep,
    StampCancel,
    Unavailable,
    Write,
    perform,
)
from netcancel.core.flows.cancelling import send_cancel
from netcancel.core.flows.net_cancelling import net_cancel
from netcancel.core.flows.writing import (
    Fate,
    Hand,
    await_decision,
    kept_answer,
    or_hand_over,
    write,
)
from netcancel.core.lifecycle import CancelReason, Event, State, is_ignored
from netcancel.core.patience import WRITE_RETRY_CEILING_SECONDS, WRITE_RETRY_SECONDS, growing
from netcancel.core.payment import (
    Asked,
    Change,
    Claim,
    FrozenCancel,
    Intent,
    Known,
    Opened,
    Payment,
    TooMany,
    Used,
)
from netcancel.core.policy import COMMIT_BUDGET_SECONDS, SEND_WITHIN_SECONDS, Policy
from netcancel.core.refund import freeze_cancel
from netcancel.errors import DuplicateTransaction, JournalUnavailable, TooManyInDoubt
from netcancel.kicc import (
    APPROVAL_PATH,
    AmountDiffers,
    AnswerLost,
    ApprovalAnswer,
    ApprovalProven,
    ApprovalVerdict,
    DeclineProven,
    Expected,
    judge_approval,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An approval, validated and frozen: all that `approve` needs to know of it."""

    intent: Intent
    approval_body: bytes = field(repr=False)
    expected: Expected
    confirm_within: float | None = None
    """Seconds in which the merchant confirms; None: the approval stands by itself."""
    keeps_answer: bool = False
    """Whether somebody will ask for the very bytes of the answer."""


@dataclass(frozen=True, slots=True)
class Charged:
    """A payment whose outcome is durable, and what its owner still owes it at once."""

    payment: Payment
    rest: Flow[Payment] | None = None
    """The first net-cancel, or a mismatch's cancel, not begun; None: nothing is to be sent."""


def approve(order: Order, policy: Policy) -> Flow[Payment]:
    """Charge once and know it, or make certain that nobody is charged.

    Raises `DuplicateTransaction`, `TooManyInDoubt` or `JournalUnavailable`: then nothing was sent.
    """
    charged = yield from charge(order, policy)
    return charged.payment if charged.rest is None else (yield from charged.rest)


def charge(order: Order, policy: Policy) -> Flow[Charged]:
    """Charge once and write what came of it; the first half of `approve`, which raises the same.

    Whoever takes the halves apart can tell a caller of a loss before it is voided, and must then
    drive the rest at once: not driven, the payment is recovery's when its lease ends.
    """
    intent = order.intent
    return (yield from or_hand_over(_open_and_charge(order, policy), intent.id, intent.writer))


def _open_and_charge(order: Order, policy: Policy) -> Flow[Charged]:
    signed = yield from perform(Sign(order.intent.world, APPROVAL_PATH, order.approval_body))
    hand = Hand(order.intent.writer, signed.at + policy.shortest_lease_seconds)
    opened = yield from perform(Open(order.intent))
    match opened:
        case Opened(payment):
            return (yield from _charge(payment, order, signed, hand, policy))
        case Known(payment, same_data=True):
            return Charged((yield from await_decision(payment, hand.give_up_at)))
        case Known():
            message = "this number was used before, with other data or in another world"
            raise DuplicateTransaction(message)
        case Used():
            raise DuplicateTransaction("this number was used before, by a payment that is archived")
        case TooMany():
            raise TooManyInDoubt(f"{policy.max_in_doubt} payments are in doubt; nothing was sent")
        case Unavailable(detail):
            raise JournalUnavailable(f"the intent could not be written: {detail}")


def _charge(
    payment: Payment, order: Order, signed: Signed, hand: Hand, policy: Policy
) -> Flow[Charged]:
    """Send the approval of a payment that is ours, and write what came of it."""
    verdict, kept = None, None
    if (yield from perform(Now())) - signed.at < SEND_WITHIN_SECONDS:
        reception = yield from perform(Exchange(signed, policy.timeout_seconds))
        verdict = judge_approval(reception, order.expected, policy.declines)
        kept = kept_answer(Asked.APPROVAL, reception) if order.keeps_answer else None
    decided_at = yield from perform(Now())
    cancel = None
    if isinstance(verdict, AmountDiffers):
        cancel = yield from _freeze_cancel(payment, verdict.answer)
    event, change = _consequence(verdict, cancel, order, policy)
    if isinstance(verdict, ApprovalProven | DeclineProven):
        change = replace(change, kept_answer=kept)
    row, fate = yield from write(payment, event, change, hand)
    if fate is Fate.FENCED and isinstance(verdict, ApprovalProven | AmountDiffers):
        return Charged((yield from _keep_evidence(row, verdict.answer, hand)))
    hand_now = replace(hand, give_up_at=decided_at + policy.shortest_lease_seconds)
    if hand.holds(row, payment, State.NET_CANCELLING):
        claim = Claim(row, order.intent.net_cancel_body)
        # Between signing and here the settle time can't have passed, whatever the journal's clock
        # says.
        is_late = policy.settle_after_seconds == 0
        rest = net_cancel(claim, hand_now, policy, is_late=is_late)
        return Charged(row, or_hand_over(rest, row.id, hand.writer))
    if cancel is not None and hand.holds(row, payment, State.CANCELLING):
        rest = send_cancel(row, cancel, hand_now, policy, goes_on=False)
        return Charged(row, or_hand_over(rest, row.id, hand.writer))
    return Charged(row)


def _freeze_cancel(payment: Payment, answer: ApprovalAnswer) -> Flow[FrozenCancel | None]:
    """Freeze the cancel of a charge of another sum; None: its answer doesn't allow one."""
    stamp = yield from perform(StampCancel())
    return freeze_cancel(replace(payment, answer=answer), stamp)


def _consequence(
    verdict: ApprovalVerdict | None, cancel: FrozenCancel | None, order: Order, policy: Policy
) -> tuple[Event, Change]:
    """Say what a verdict on an approval does to its payment; None: it was not sent."""
    owed = Change(hold_seconds=policy.hold_seconds, begins_debt=True, attempts=1)
    match verdict:
        case None:
            detail = "not sent: too much time had passed since it was signed"
            return Event.TOO_LATE_TO_SEND, replace(owed, never_sent=True, detail=detail)
        case ApprovalProven(answer, amount_was_absent):
            note = "the answer named no amount" if amount_was_absent else ""
            proven = Change(answer=answer, code=answer.resp_cd, note=note)
            return _proven(proven, order)
        case DeclineProven(code, message):
            return Event.DECLINE_PROVEN, Change(code=code, message=message)
        case AmountDiffers(answer, requested, approved):
            detail = f"{approved} approved where {requested} was asked for"
            return _differs(replace(owed, answer=answer, detail=detail), cancel)
        case AnswerLost(loss, detail):
            return Event.ANSWER_LOST, replace(
                owed, loss=loss, detail=detail, code=verdict.code, never_sent=verdict.never_left
            )


def _proven(change: Change, order: Order) -> tuple[Event, Change]:
    if order.confirm_within is None:
        return Event.APPROVAL_PROVEN, change
    due = replace(change, due_seconds=order.confirm_within)
    return Event.APPROVAL_PROVEN_UNCONFIRMED, due


def _differs(owed: Change, cancel: FrozenCancel | None) -> tuple[Event, Change]:
    if cancel is None:
        return Event.AMOUNT_DIFFERS_UNCANCELLABLE, owed
    reason = CancelReason.AMOUNT_MISMATCH
    return Event.AMOUNT_DIFFERS, replace(owed, cancel=cancel, cancel_reason=reason)


def _keep_evidence(row: Payment, answer: ApprovalAnswer, hand: Hand) -> Flow[Payment]:
    """Write down a valid approval that came too late for its row: that charge must be void."""
    note = "a valid approval came late, after somebody had taken over"
    until = (yield from perform(Now())) + COMMIT_BUDGET_SECONDS
    tries = 0
    while row.answer != answer:
        written = yield from _write_evidence(row, answer, note, hand)
        if isinstance(written, Payment):
            yield Alarm(written, note)
            return written
        if (yield from perform(Now())) >= until:
            yield Alarm(row, note + "; it could not be written down")
            return row
        yield Sleep(growing(WRITE_RETRY_SECONDS, WRITE_RETRY_CEILING_SECONDS, tries))
        tries += 1
        read = yield from perform(Read(row.id))
        row = read if isinstance(read, Payment) else row
    if tries > 0:  # what got no clear answer was written all the same
        yield Alarm(row, note)
    return row


def _write_evidence(
    row: Payment, answer: ApprovalAnswer, note: str, hand: Hand
) -> Flow[Payment | Unavailable | None]:
    """Write a late approval down as the row's state asks for; no payment: it may not be there."""
    change = Change(answer=answer, note=note)
    if is_ignored(row.state, Event.LATE_APPROVAL):
        noted = yield from perform(Note(row, Event.LATE_APPROVAL, hand.writer, change))
        return row if noted is None else noted
    if row.state not in {State.RESOLVED, State.ESCALATED}:
        change = replace(change, due_seconds=0.0, begins_debt=True)
    return (yield from perform(Write(row, Event.LATE_APPROVAL, hand.writer, change)))
