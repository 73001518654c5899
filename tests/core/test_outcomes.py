"""What each state of a payment means to its caller, and to whoever wants it cancelled."""

from typing import Any

import pytest

from netcancel.core.lifecycle import CancelReason, Event, Resolution, State
from netcancel.core.outcomes import (
    Approved,
    Cancelled,
    CancelOutcome,
    CancelRefused,
    Declined,
    InDoubt,
    NetCancelled,
    Outcome,
    PaymentNotApproved,
    cancel_outcome_of,
    outcome_of,
)
from netcancel.kicc import ApprovalAnswer, Loss
from tests.core.samples import payment

ANSWER = ApprovalAnswer(aprv_no="12345678", trx_amt=10_001)
KNOWN: dict[str, Any] = {
    "answer": ANSWER,
    "loss": Loss.READ_TIMEOUT,
    "detail": "no answer",
    "code": "7777",
    "message": "said 7777",
    "cancel_reason": CancelReason.ASKED,
}
"""All that a payment may know, whatever became of it."""

NUMBER = {"merc_trx_no": "ORD_1"}


def in_doubt(state: State) -> InDoubt:
    """Return what is told of a payment in doubt."""
    return InDoubt(**NUMBER, state=state, loss=Loss.READ_TIMEOUT, detail="no answer")


def net_cancelled(state: State) -> NetCancelled:
    """Return what is told of a void one."""
    return NetCancelled(**NUMBER, state=state, loss=Loss.READ_TIMEOUT, detail="no answer")


def refused(state: State, code: str, message: str) -> CancelRefused:
    """Return what is told of a cancel that was refused."""
    return CancelRefused(**NUMBER, state=state, code=code, message=message)


def cancelled(state: State, reason: str) -> Cancelled:
    """Return what is told of a refunded one."""
    return Cancelled(**NUMBER, state=state, reason=reason, requested=10_000, approved=10_001)


def told() -> dict[State, tuple[Outcome, CancelOutcome]]:
    """Return of each state but `resolved` what its caller is told, and what a canceller."""
    both: dict[State, tuple[Outcome, CancelOutcome]] = {
        state: (in_doubt(state), in_doubt(state)) for state in State
    }
    for state in (State.APPROVED, State.UNCONFIRMED):
        both[state] = (Approved(**NUMBER, state=state, answer=ANSWER), in_doubt(state))
    for state in (State.SETTLING, State.NET_CANCELLED):
        both[state] = (net_cancelled(state), net_cancelled(state))
    done = cancelled(State.CANCELLED, CancelReason.ASKED)
    both[State.CANCELLED] = (done, done)
    both[State.DECLINED] = (
        Declined(**NUMBER, state=State.DECLINED, code="7777", message="said 7777"),
        refused(State.DECLINED, "7777", "declined: there is nothing to cancel"),
    )
    del both[State.RESOLVED]
    return both


@pytest.mark.parametrize("state", told())
def test_each_state_is_told_with_all_that_is_known_of_it(state: State) -> None:
    """To its caller, and to whoever wants it cancelled."""
    row = payment(state=state, last_event=None, **KNOWN)
    assert (outcome_of(row), cancel_outcome_of(row)) == told()[state]


@pytest.mark.parametrize(
    ("resolution", "outcome", "cancel_outcome"),
    [
        (
            Resolution.CHARGE_STANDS,
            Approved(**NUMBER, state=State.RESOLVED, answer=ANSWER),
            refused(State.RESOLVED, "", "a person found that the charge stands"),
        ),
        (
            Resolution.REFUNDED_OUTSIDE,
            cancelled(State.RESOLVED, "refunded-outside"),
            cancelled(State.RESOLVED, "refunded-outside"),
        ),
        (
            Resolution.NO_CHARGE,
            net_cancelled(State.RESOLVED),
            net_cancelled(State.RESOLVED),
        ),
    ],
)
def test_what_a_person_found_out_is_told(
    resolution: Resolution, outcome: Outcome, cancel_outcome: CancelOutcome
) -> None:
    """In the same words as what a machine finds out."""
    row = payment(state=State.RESOLVED, resolution=resolution, **KNOWN)
    assert outcome_of(row) == outcome
    assert cancel_outcome_of(row) == cancel_outcome


def test_a_refused_cancel_is_told_as_refused() -> None:
    """A person must decide, and its caller hears the gateway's words."""
    row = payment(state=State.ESCALATED, last_event=Event.CANCEL_REFUSED, **KNOWN)
    assert cancel_outcome_of(row) == refused(State.ESCALATED, "7777", "said 7777")
    assert outcome_of(row) == in_doubt(State.ESCALATED)


def test_what_nobody_said_is_empty() -> None:
    """No code, no message, no answer: a person may vouch for what the gateway never said."""
    refused_without = payment(state=State.ESCALATED, last_event=Event.CANCEL_REFUSED)
    assert cancel_outcome_of(refused_without) == refused(State.ESCALATED, "", "")
    declined = payment(state=State.DECLINED)
    assert outcome_of(declined) == Declined(**NUMBER, state=State.DECLINED, code="", message="")
    says = "declined: there is nothing to cancel"
    assert cancel_outcome_of(declined) == refused(State.DECLINED, "", says)
    stands = payment(state=State.RESOLVED, resolution=Resolution.CHARGE_STANDS)
    told_stands = Approved(**NUMBER, state=State.RESOLVED, answer=ApprovalAnswer())
    assert outcome_of(stands) == told_stands
    gone = payment(state=State.CANCELLED, answer=ANSWER)
    assert outcome_of(gone) == cancelled(State.CANCELLED, Resolution.REFUNDED_OUTSIDE)


def test_an_outcome_that_is_raised_says_its_state() -> None:
    """And carries all of it."""
    error = PaymentNotApproved(in_doubt(State.NET_CANCELLING))
    assert str(error) == "the payment is net_cancelling, not approved"
    assert error.outcome == in_doubt(State.NET_CANCELLING)
    assert error.args == (error.outcome,)
