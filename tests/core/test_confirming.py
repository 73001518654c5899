"""A confirmation is asked for until its end is clear; a forwarded request is sent once."""

from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import (
    Confirm,
    Effect,
    Exchange,
    Flow,
    Now,
    Sign,
    Signed,
    Unavailable,
)
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import JournalUnavailable, PaymentNotFound
from tests.core.samples import payment
from tests.core.waiting import run_waiting
from tests.core.world import POLICY, SILENCE, WORLD

CONFIRM = Confirm(frozenset([WORLD]), "T123456789", "ORD_1", "merchant")
SILENT = Unavailable("no answer")


def confirm(answers: list[Any]) -> tuple[list[float], Any]:
    """Run a confirmation on these answers, the last one for ever; return its waits and its end."""
    flow = flows.confirm(CONFIRM.worlds, CONFIRM.tid, CONFIRM.merc_trx_no, CONFIRM.writer)
    waits: list[float] = []

    def answer(effect: Effect[Any]) -> Any:
        assert effect == CONFIRM
        return answers.pop(0) if len(answers) > 1 else answers[0]

    try:
        return waits, run_waiting(flow, answer, waits, begun_at=100.0)
    except (JournalUnavailable, PaymentNotFound) as error:
        return waits, str(error)


def test_a_confirmation_is_told_by_the_row_that_it_leaves() -> None:
    """At once, where the journal answers."""
    row = payment()
    assert confirm([row]) == ([], row)


def test_an_unknown_payment_is_not_confirmed() -> None:
    """Its merchant asked for another one."""
    assert confirm([None]) == ([], "the journal knows no such payment of this gateway")


def test_an_unclear_confirmation_is_asked_for_again() -> None:
    """Ever less often; the second finds the first."""
    row = payment()
    assert confirm([SILENT] * 6 + [row]) == ([0.05, 0.1, 0.2, 0.4, 0.5, 0.5], row)


def test_a_confirmation_that_stays_unclear_says_how_to_find_out() -> None:
    """After what a commit may take, and not before."""
    waits, says = confirm([SILENT])
    assert says == "find() tells whether it is confirmed: no answer"
    assert sum(waits[:-1]) < COMMIT_BUDGET_SECONDS <= sum(waits)


def test_a_confirmation_may_take_what_a_commit_may_take() -> None:
    """To the second: then its caller is told."""
    flow = flows.confirm(CONFIRM.worlds, CONFIRM.tid, CONFIRM.merc_trx_no, CONFIRM.writer)
    assert next(flow) == Now()
    assert flow.send(0.0) == CONFIRM
    assert flow.send(SILENT) == Now()
    with pytest.raises(JournalUnavailable):
        flow.send(COMMIT_BUDGET_SECONDS)


def test_a_journal_that_is_gone_for_good_is_not_asked_again() -> None:
    """Nobody will answer."""
    gone = Unavailable("gone", for_good=True)
    assert confirm([gone]) == ([], "find() tells whether it is confirmed: gone")


def test_a_forwarded_request_is_signed_and_sent_once() -> None:
    """For its world, its path and its bytes, with the time that a request may take."""
    flow: Flow[Any] = flows.forward(WORLD, "/path", b"body", POLICY)
    asked: Effect[Any] = next(flow)
    assert asked == Sign(WORLD, "/path", b"body")
    signed = Signed("/path", (), b"body", 1.0)
    assert flow.send(signed) == Exchange(signed, POLICY.timeout_seconds)
    with pytest.raises(StopIteration) as stop:
        flow.send(SILENCE)
    assert stop.value.value is SILENCE
