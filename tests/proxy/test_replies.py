"""What a shop reads: always the manual's form, and what each code stands for."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import Event, Resolution, State
from netcancel.core.payment import Asked, Opened, Payment
from netcancel.journal import open_journal
from netcancel.kicc import MANUAL_DECLINE_CODES, CancelRequest
from netcancel.proxy import telling
from netcancel.proxy.replies import Refusal, refusal
from tests.journal.samples import ANSWER, KEY, intent
from tests.proxy.shop import Answer, cancel_of, check_form, order, written

if TYPE_CHECKING:
    from collections.abc import Awaitable, Iterator

    from netcancel.proxy.replies import Reply

APPROVED = replace(ANSWER, resp_msg="Approval Success")
KEPT = b'{"respCd":"0000","respMsg":"as the gateway wrote it"}'


def now(telling_now: Awaitable[Reply]) -> Reply:
    """Return what is told by what waits for nothing."""
    iterator = telling_now.__await__()
    with pytest.raises(StopIteration) as stop:
        next(iterator)
    reply: Reply = stop.value.value
    return reply


async def kept(_payment: Payment, _asked: Asked) -> bytes | None:
    """Have the bytes of whatever is asked for."""
    return KEPT


async def shredded(_payment: Payment, _asked: Asked) -> bytes | None:
    """Have no bytes any more."""
    return None


@pytest.fixture(scope="module")
def sample() -> Payment:
    """Return a payment as a journal makes it, approved."""
    journal = open_journal("memory://", vault_key=KEY)
    opened = journal.open_new(intent(merc_trx_no="ORD_1")).result()
    journal.close()
    assert isinstance(opened, Opened)
    return replace(opened.payment, state=State.APPROVED, answer=APPROVED, code="0000")


def as_answer(reply: Reply) -> Answer:
    """Read a reply as a shop does."""
    return Answer(reply.status, reply.body)


def states(sample: Payment) -> Iterator[Payment]:
    """Return the payment in every state, and resolved in every way."""
    resolutions: dict[State, list[Resolution | None]] = {State.RESOLVED: [*Resolution]}
    for state in State:
        for resolution in resolutions.get(state, [None]):
            code = "8035" if state is State.DECLINED else None
            answer = None if state is State.DECLINED else APPROVED
            yield replace(sample, state=state, resolution=resolution, code=code, answer=answer)


def test_codes_are_ours_and_four_characters() -> None:
    """None is twice, none is the manual's, and none says that something was done."""
    codes = [why.code for why in Refusal]
    assert len(codes) == len(set(codes))
    assert all(re.fullmatch("NC[0-9]{2}", code) for code in codes)
    assert not any(code in MANUAL_DECLINE_CODES for code in codes)


@pytest.mark.parametrize("why", list(Refusal))
def test_each_refusal_is_an_answer_of_the_manual(why: Refusal) -> None:
    """Well formed, short enough for the manual's respMsg, with and without a detail."""
    for detail in ("", "trxAmt: must be an int, not a subclass or another number"):
        answer = as_answer(refusal(why, detail))
        check_form(answer, {})
        assert answer.code == why.code
        assert answer.status == why.status
        assert len(answer.members["respMsg"].encode()) <= 128


def test_only_what_stands_is_told_as_approved(sample: Payment) -> None:
    """0000 for an approval: approved, or found to stand by a person; the status says the rest."""
    for payment, bytes_of in itertools.product(states(sample), (kept, shredded)):
        answer = as_answer(now(telling.approval(payment, bytes_of)))
        check_form(answer, order("ORD_1", tid=payment.tid))
        stands = payment.state is State.APPROVED or (payment.resolution is Resolution.CHARGE_STANDS)
        had_answer = payment.state in {State.APPROVED, State.DECLINED}
        if had_answer and bytes_of is kept:
            assert answer.body == KEPT
        else:
            assert (answer.code == "0000") == stands
        if answer.code == Refusal.UNKNOWN.code:
            assert answer.status != HTTPStatus.OK


def test_only_what_is_void_is_told_as_cancelled(sample: Payment) -> None:
    """0000 for a cancel or a net-cancel: nobody is charged, as far as the gateway says."""
    for payment in states(sample):
        is_void = payment.state in {State.SETTLING, State.NET_CANCELLED, State.CANCELLED} or (
            payment.resolution in {Resolution.NO_CHARGE, Resolution.REFUNDED_OUTSIDE}
        )
        told = as_answer(telling.net_cancel(payment))
        assert (told.code == "0000") == (is_void or payment.state is State.DECLINED)
        told = as_answer(now(telling.cancel(payment, cancel_request(), shredded)))
        assert (told.code == "0000") == is_void


def cancel_request(number: str = "C_ORD_1") -> CancelRequest:
    """Return a shop's cancel of the payment."""
    approved = Answer(200, b'{"vanTrxNo":"V1","aprvDt":"20260102","aprvNo":"12345678"}')
    fields = cancel_of(order("ORD_1"), approved, mercTrxNo=number)
    return CancelRequest.received(written(fields))


@pytest.mark.parametrize(
    ("state", "event"),
    [(State.CANCELLED, Event.CANCEL_PROVEN), (State.ESCALATED, Event.CANCEL_REFUSED)],
)
def test_a_cancel_hears_the_gateways_bytes_of_its_own_number_only(
    sample: Payment, state: State, event: Event
) -> None:
    """After a refusal a person may have had it cancelled under another number."""
    payment = replace(sample, state=state, last_event=event, cancel_trx_no="C_ORD_1")
    assert now(telling.cancel(payment, cancel_request(), kept)).body == KEPT
    other = as_answer(now(telling.cancel(payment, cancel_request("C_2"), kept)))
    assert other.body != KEPT
    assert other.code == ("0000" if state is State.CANCELLED else "NC08")


def test_a_cancels_answer_echoes_the_cancels_number(sample: Payment) -> None:
    """A shop that compares the echo would take any other for a lost answer (spec 3.1)."""
    for payment in states(sample):
        answer = as_answer(now(telling.cancel(payment, cancel_request(), shredded)))
        assert answer.members["mercTrxNo"] == "C_ORD_1"
        net_cancelled = as_answer(telling.net_cancel(payment))
        assert net_cancelled.members["mercTrxNo"] == "ORD_1"
