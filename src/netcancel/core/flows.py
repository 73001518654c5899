"""The order of steps: approve, net-cancel, recover (docs/protocol.md).

Flows are generators: each `yield` is the only place where the outside can be touched, and each is
a place where the machine may die. What must be true then: whatever was sent is in the journal, and
whatever is not final is due for recovery at some time.

`approve` is its caller's; `recover` is a worker's, for a payment that it has just claimed. Both
end in `_net_cancel`. Every write is conditional on the version that the flow has seen; `_write`
finds out what became of a write that got no clear answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto

from netcancel.core.effects import (
    Alarm,
    Draw,
    Exchange,
    Flow,
    HandOver,
    Note,
    Now,
    Open,
    Read,
    Sign,
    Signed,
    Sleep,
    Unavailable,
    Write,
    perform,
)
from netcancel.core.lifecycle import Event, State, is_ignored
from netcancel.core.patience import (
    LOOK_AGAIN_CEILING_SECONDS,
    LOOK_AGAIN_SECONDS,
    WRITE_RETRY_CEILING_SECONDS,
    WRITE_RETRY_SECONDS,
    growing,
    needs_alarm,
    retry_delay,
    window_closes,
)
from netcancel.core.payment import (
    Change,
    Claim,
    Intent,
    Known,
    Opened,
    Payment,
    TooMany,
    Version,
)
from netcancel.core.policy import (
    COMMIT_BUDGET_SECONDS,
    LEASE_MARGIN_SECONDS,
    SEND_WITHIN_SECONDS,
    Policy,
)
from netcancel.errors import (
    DuplicateTransaction,
    InvalidRequest,
    JournalUnavailable,
    TooManyInDoubt,
)
from netcancel.kicc import (
    APPROVAL_PATH,
    NET_CANCEL_PATH,
    Acknowledged,
    Acknowledgement,
    AmountDiffers,
    AnswerLost,
    ApprovalAnswer,
    ApprovalProven,
    ApprovalVerdict,
    DeclineProven,
    Expected,
    NetCancelVerdict,
    Refused,
    judge_approval,
    judge_net_cancel,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An approval, validated and frozen: all that `approve` needs to know of it."""

    intent: Intent
    approval_body: bytes = field(repr=False)
    expected: Expected


class _Fate(Enum):
    """What became of a write."""

    APPLIED = auto()
    FENCED = auto()
    """Somebody else wrote first: this write was not applied and never will be."""
    UNKNOWN = auto()
    """The journal did not say until the lease was over."""


@dataclass(frozen=True, slots=True)
class _Hand:
    """Who is at work: the tag on all its writes, and the host's time when its lease may be over."""

    writer: str
    give_up_at: float


def approve(order: Order, policy: Policy) -> Flow[Payment]:
    """Charge once and know it, or make certain that nobody is charged.

    Raises `DuplicateTransaction`, `TooManyInDoubt` or `JournalUnavailable`: then nothing was sent.
    """
    intent = order.intent
    try:
        return (yield from _approve(order, policy))
    except (DuplicateTransaction, TooManyInDoubt, GeneratorExit):
        raise  # nothing is ours, or the machine dies here: there is nothing to hand over
    except BaseException:
        yield HandOver(intent.id, intent.writer)
        raise


def _approve(order: Order, policy: Policy) -> Flow[Payment]:
    signed = yield from perform(Sign(APPROVAL_PATH, order.approval_body))
    hand = _Hand(order.intent.writer, signed.at + policy.shortest_lease_seconds)
    opened = yield from perform(Open(order.intent))
    match opened:
        case Opened(payment):
            return (yield from _charge(payment, order, signed, hand, policy))
        case Known(payment, same_data=True):
            return (yield from _await_decision(payment, hand.give_up_at))
        case Known():
            message = "this number was used before, with other data or in another world"
            raise DuplicateTransaction(message)
        case TooMany():
            raise TooManyInDoubt(f"{policy.max_in_doubt} payments are in doubt; nothing was sent")
        case Unavailable(detail):
            raise JournalUnavailable(f"the intent could not be written: {detail}")


def _await_decision(payment: Payment, until: float) -> Flow[Payment]:
    """Wait while somebody else decides on a payment; return what the journal says then."""
    looks = 0
    while payment.is_being_decided and (yield from perform(Now())) < until:
        yield Sleep(growing(LOOK_AGAIN_SECONDS, LOOK_AGAIN_CEILING_SECONDS, looks))
        looks += 1
        row = yield from perform(Read(payment.id))
        if isinstance(row, Payment):
            payment = row
    return payment


def _charge(
    payment: Payment, order: Order, signed: Signed, hand: _Hand, policy: Policy
) -> Flow[Payment]:
    """Send the approval of a payment that is ours, and write what came of it."""
    verdict = None
    if (yield from perform(Now())) - signed.at < SEND_WITHIN_SECONDS:
        reception = yield from perform(Exchange(signed, policy.timeout_seconds))
        verdict = judge_approval(reception, order.expected, policy.declines)
    decided_at = yield from perform(Now())
    event, change = _approval_consequence(verdict, policy)
    row, fate = yield from _write(payment, event, change, hand)
    if fate is _Fate.FENCED and isinstance(verdict, ApprovalProven | AmountDiffers):
        return (yield from _keep_evidence(row, verdict.answer, hand))
    if row.version != _next(payment, hand) or row.state is not State.NET_CANCELLING:
        return row
    hand = replace(hand, give_up_at=decided_at + policy.shortest_lease_seconds)
    claim = Claim(row, order.intent.net_cancel_body)
    # Between signing and here the settle time can't have passed, whatever the journal's clock says.
    return (yield from _net_cancel(claim, hand, policy, is_late=policy.settle_after_seconds == 0))


def _approval_consequence(verdict: ApprovalVerdict | None, policy: Policy) -> tuple[Event, Change]:
    """Say what a verdict on an approval does to its payment; None: it was not sent."""
    owed = Change(hold_seconds=policy.hold_seconds, begins_debt=True, attempts=1)
    match verdict:
        case None:
            detail = "not sent: too much time had passed since it was signed"
            return Event.TOO_LATE_TO_SEND, replace(owed, never_sent=True, detail=detail)
        case ApprovalProven(answer, amount_was_absent):
            note = "the answer named no amount" if amount_was_absent else ""
            return Event.APPROVAL_PROVEN, Change(answer=answer, code=answer.resp_cd, note=note)
        case DeclineProven(code, message):
            return Event.DECLINE_PROVEN, Change(code=code, message=message)
        case AmountDiffers(answer, requested, approved):
            detail = f"{approved} approved where {requested} was asked for"
            return Event.AMOUNT_DIFFERS, replace(owed, answer=answer, detail=detail)
        case AnswerLost(loss, detail):
            return Event.ANSWER_LOST, replace(
                owed, loss=loss, detail=detail, code=verdict.code, never_sent=verdict.never_left
            )


def recover(claim: Claim, claimed_at: float, writer: str, policy: Policy) -> Flow[Payment]:
    """Net-cancel a payment that `writer` has just claimed.

    `claimed_at` is the host's time from before the claim.
    """
    hand = _Hand(writer, claimed_at + policy.shortest_lease_seconds)
    try:
        return (yield from _net_cancel(claim, hand, policy, is_late=claim.payment.is_settled))
    except (GeneratorExit, Exception):
        raise  # a bug: what is left of the lease keeps it from being tried again at once
    except BaseException:
        yield HandOver(claim.payment.id, writer)
        raise


def _net_cancel(claim: Claim, hand: _Hand, policy: Policy, *, is_late: bool) -> Flow[Payment]:
    """Send one net-cancel of a payment that we hold, and write what came of it.

    `is_late`: it was claimed for sending after `settle_at`; never judged when the answer is there.
    """
    payment, body = claim.payment, claim.net_cancel_body
    expected = _expected(body)
    if body is None or expected is None:
        change = Change(alarmed=True, note="its frozen data can't be opened or read")
        return (yield from _finish(payment, Event.POISONED, change, hand))
    signed = yield from perform(Sign(NET_CANCEL_PATH, body))
    now = yield from perform(Now())
    ends_by = now + policy.timeout_seconds + LEASE_MARGIN_SECONDS
    if now - signed.at >= SEND_WITHIN_SECONDS or ends_by > hand.give_up_at:
        yield HandOver(payment.id, hand.writer)  # we were paused: it could outlast our lease
        return payment
    reception = yield from perform(Exchange(signed, policy.timeout_seconds))
    verdict = judge_net_cancel(reception, expected, policy.net_cancel_codes)
    draw = yield from perform(Draw())
    event, change = _net_cancel_consequence(payment, verdict, draw, policy, is_late=is_late)
    return (yield from _finish(payment, event, change, hand))


def _expected(body: bytes | None) -> Expected | None:
    """Say what an answer to a frozen net-cancel must echo; None: the body is no net-cancel."""
    try:
        return None if body is None else Expected.of_body(body)
    except InvalidRequest:
        return None


def _net_cancel_consequence(
    payment: Payment, verdict: NetCancelVerdict, draw: float, policy: Policy, *, is_late: bool
) -> tuple[Event, Change]:
    """Say what a verdict on a net-cancel does to its payment."""
    if isinstance(verdict, AnswerLost):
        lost = Change(note=f"{verdict.loss}: {verdict.detail}")
        return _still_owed(payment, draw, policy, lost)
    told = Change(code=verdict.code, message=verdict.message)
    match verdict:
        case Acknowledged(how=Acknowledgement.NOTHING_TO_VOID) if payment.answer is not None:
            note = "the gateway knows of nothing to void, but the approval is proven"
            return Event.CHARGE_DENIED, replace(told, alarmed=True, note=note)
        case Acknowledged(how) if is_late:
            return Event.ACKNOWLEDGED_LATE, replace(told, note=f"{how}, nothing can follow")
        case _ if payment.never_sent:
            note = "answered; the approval had never left this host"
            return Event.ANSWERED_NEVER_SENT, replace(told, note=note)
        case Acknowledged(how):
            due = payment.seconds_to_settle
            return Event.ACKNOWLEDGED_EARLY, replace(told, due_seconds=due, note=how)
        case Refused():
            return _still_owed(payment, draw, policy, told)


def _still_owed(
    payment: Payment, draw: float, policy: Policy, change: Change
) -> tuple[Event, Change]:
    """Say when to try again, or that a person must decide now."""
    delay = retry_delay(policy, payment.attempts, draw)
    if window_closes(policy, payment, delay):
        return Event.WINDOW_CLOSED, replace(change, alarmed=True)
    told_void = payment.state is State.SETTLING and change.code is not None
    alarmed = needs_alarm(policy, payment) or (told_void and not payment.alarmed)
    return Event.NOT_ACKNOWLEDGED, replace(change, due_seconds=delay, alarmed=alarmed or None)


def _finish(payment: Payment, event: Event, change: Change, hand: _Hand) -> Flow[Payment]:
    """Write what an attempt came to; what is no longer ours to write is only noted."""
    row, fate = yield from _write(payment, event, change, hand)
    if fate is _Fate.FENCED:
        yield Note(row, event, hand.writer, change)
    elif fate is _Fate.APPLIED and change.alarmed:
        yield Alarm(row, change.note or f"refused with {change.code}")
    return row


def _write(seen: Payment, event: Event, change: Change, hand: _Hand) -> Flow[tuple[Payment, _Fate]]:
    """Move a payment that we hold, and find out what became of it, until the lease is over.

    A write that got no clear answer may have been applied: the history tells, by our own tag.
    """
    row: Payment | Unavailable | None
    tries = 0
    while True:
        row = yield from perform(Write(seen, event, hand.writer, change))
        if isinstance(row, Payment):
            return row, _Fate.APPLIED
        row = yield from perform(Read(seen.id))
        if isinstance(row, Payment) and row.version != seen.version:
            ours = row.was_written_by(_next(seen, hand))
            return row, _Fate.APPLIED if ours else _Fate.FENCED
        is_gone = isinstance(row, Unavailable) and row.for_good
        if is_gone or (yield from perform(Now())) >= hand.give_up_at:
            detail = "the journal could not be written; find() tells what became of it"
            return replace(seen, loss=change.loss or seen.loss, detail=detail), _Fate.UNKNOWN
        yield Sleep(growing(WRITE_RETRY_SECONDS, WRITE_RETRY_CEILING_SECONDS, tries))
        tries += 1


def _keep_evidence(row: Payment, answer: ApprovalAnswer, hand: _Hand) -> Flow[Payment]:
    """Write down a valid approval that came too late for its row: that charge must be void."""
    note = "a valid approval came late, after somebody had taken over"
    change = Change(due_seconds=0.0, begins_debt=True, answer=answer, note=note)
    until = (yield from perform(Now())) + COMMIT_BUDGET_SECONDS
    tries = 0
    while (yield from perform(Now())) < until:
        if row.answer == answer:
            return row
        if is_ignored(row.state, Event.LATE_APPROVAL):
            yield Note(row, Event.LATE_APPROVAL, hand.writer, change)
            yield Alarm(row, note)
            return row
        written = yield from perform(Write(row, Event.LATE_APPROVAL, hand.writer, change))
        if isinstance(written, Payment):
            yield Alarm(written, note)
            return written
        yield Sleep(growing(WRITE_RETRY_SECONDS, WRITE_RETRY_CEILING_SECONDS, tries))
        tries += 1
        read = yield from perform(Read(row.id))
        row = read if isinstance(read, Payment) else row
    yield Alarm(row, note + "; it could not be written down")
    return row


def _next(seen: Payment, hand: _Hand) -> Version:
    """Return the version that our write on `seen` makes."""
    return Version(seen.version.counter + 1, hand.writer)
