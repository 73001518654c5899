"""One net-cancel: sent for a payment that we hold, judged, written (docs/protocol.md)."""

from __future__ import annotations

from dataclasses import replace
from http import HTTPStatus
from typing import Final

from netcancel.core.effects import (
    Alarm,
    Draw,
    Exchange,
    Flow,
    HandOver,
    Now,
    Sign,
    SignAgain,
    Signed,
    perform,
)
from netcancel.core.flows.writing import Hand, finish
from netcancel.core.lifecycle import Event, State
from netcancel.core.patience import needs_alarm, retry_delay, window_closes
from netcancel.core.payment import Change, Claim, Payment
from netcancel.core.policy import LEASE_MARGIN_SECONDS, SEND_WITHIN_SECONDS, Policy
from netcancel.errors import InvalidRequest
from netcancel.kicc import (
    NET_CANCEL_PATH,
    Acknowledged,
    Acknowledgement,
    AnswerLost,
    CancelVerdict,
    Expected,
    NetCancelVerdict,
    Refused,
    judge_net_cancel,
)

AUTHENTICATION_STATUSES: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""By which a gateway may refuse a signature before it looks at the request."""


def net_cancel(claim: Claim, hand: Hand, policy: Policy, *, is_late: bool) -> Flow[Payment]:
    """Send one net-cancel of a payment that we hold, and write what came of it.

    `is_late`: it was claimed for sending after `settle_at`; never judged when the answer is there.
    """
    payment, body = claim.payment, claim.net_cancel_body
    expected = _expected(body)
    if body is None or expected is None:
        change = Change(alarmed=True, note="its frozen data can't be opened or read")
        return (yield from finish(payment, Event.POISONED, change, hand))
    signed = yield from perform(Sign(payment.world, NET_CANCEL_PATH, body))
    if not may_send(signed, (yield from perform(Now())), hand, policy):
        yield HandOver(payment.id, hand.writer)  # we were paused: it could outlast our lease
        return payment
    verdict = yield from _ask(signed, expected, policy)
    if is_authentication_failure(verdict, policy):
        again = yield from _sign_again(payment, body, hand, policy)
        verdict = verdict if again is None else (yield from _ask(again, expected, policy))
    draw = yield from perform(Draw())
    event, change = _consequence(payment, verdict, draw, policy, is_late=is_late)
    return (yield from finish(payment, event, change, hand))


def may_send(signed: Signed, now: float, hand: Hand, policy: Policy) -> bool:
    """Whether a request is still fresh, and its answer would come within our lease."""
    ends_by = now + policy.timeout_seconds + LEASE_MARGIN_SECONDS
    return now - signed.at < SEND_WITHIN_SECONDS and ends_by <= hand.give_up_at


def _ask(signed: Signed, expected: Expected, policy: Policy) -> Flow[NetCancelVerdict]:
    reception = yield from perform(Exchange(signed, policy.timeout_seconds))
    return judge_net_cancel(reception, expected, policy.net_cancel_codes)


def _sign_again(payment: Payment, body: bytes, hand: Hand, policy: Policy) -> Flow[Signed | None]:
    """Sign with the secret that was in force before: keys are changed while payments wait."""
    signed = yield from perform(SignAgain(payment.world, NET_CANCEL_PATH, body))
    if not payment.alarmed:
        with_another = "" if signed is None else "; the previous secret is tried"
        yield Alarm(payment, f"the gateway refused the signature{with_another}")
    if signed is None or not may_send(signed, (yield from perform(Now())), hand, policy):
        return None
    return signed


def is_authentication_failure(verdict: CancelVerdict | NetCancelVerdict, policy: Policy) -> bool:
    """Whether the gateway may have refused a signature; never final, whatever else it says."""
    if isinstance(verdict, Refused):
        return verdict.code in policy.authentication_failures
    return isinstance(verdict, AnswerLost) and verdict.status in AUTHENTICATION_STATUSES


def _expected(body: bytes | None) -> Expected | None:
    """Say what an answer to a frozen net-cancel must echo; None: the body is no net-cancel."""
    try:
        return None if body is None else Expected.of_body(body)
    except InvalidRequest:
        return None


def _consequence(
    payment: Payment, verdict: NetCancelVerdict, draw: float, policy: Policy, *, is_late: bool
) -> tuple[Event, Change]:
    """Say what a verdict on a net-cancel does to its payment."""
    if isinstance(verdict, AnswerLost):
        lost = Change(note=f"{verdict.loss}: {verdict.detail}")
        return _still_owed(payment, draw, policy, lost)
    told = Change(code=verdict.code, message=verdict.message)
    is_answer = not is_authentication_failure(verdict, policy)
    match verdict:
        case Acknowledged(how):
            return _acknowledged(payment, how, told, is_late=is_late)
        case Refused() if is_answer and _can_not_be_charged(payment):
            return _never_sent(told)
        case Refused():
            return _still_owed(payment, draw, policy, told)


def _acknowledged(
    payment: Payment, how: Acknowledgement, told: Change, *, is_late: bool
) -> tuple[Event, Change]:
    if how is Acknowledgement.NOTHING_TO_VOID and payment.answer is not None:
        note = "the gateway knows of nothing to void, but the approval is proven"
        return Event.CHARGE_DENIED, replace(told, alarmed=True, note=note)
    if is_late:
        return Event.ACKNOWLEDGED_LATE, replace(told, note=f"{how}, nothing can follow")
    if _can_not_be_charged(payment):
        return _never_sent(told)
    return Event.ACKNOWLEDGED_EARLY, replace(told, due_seconds=payment.seconds_to_settle, note=how)


def _can_not_be_charged(payment: Payment) -> bool:
    """Whether the wire's proof that nothing left stands against no proof of a charge."""
    return payment.never_sent and payment.answer is None


def _never_sent(told: Change) -> tuple[Event, Change]:
    note = "answered; the approval had never left this host"
    return Event.ANSWERED_NEVER_SENT, replace(told, note=note)


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
