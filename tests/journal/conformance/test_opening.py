"""A payment is opened once: what becomes of an intent."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS, Known, Opened, Version
from netcancel.journal import Journal
from tests.journal.samples import (
    HOLD,
    NOW,
    SETTLE,
    WAYS,
    Clock,
    again,
    bring_to,
    fate,
    intent,
    open_one,
)


def test_a_new_intent_is_approving_and_held(journal: Journal) -> None:
    """An intent becomes a payment whose owner holds it, and whose settle time is fixed."""
    sample = intent()
    opened = journal.open_new(sample).result()
    assert isinstance(opened, Opened)
    payment = opened.payment
    assert (payment.state, payment.version) == (State.APPROVING, Version(1, sample.writer))
    assert (payment.is_held, payment.due_at) == (True, NOW + round(HOLD * MICROSECONDS))
    assert payment.settle_at == NOW + round(SETTLE * MICROSECONDS)
    assert (payment.created_at, payment.updated_at, payment.read_at) == (NOW, NOW, NOW)
    assert (payment.trx_amt, payment.vat_amt, payment.svc_amt) == (10_000, 909, 0)
    assert replace(again(journal, payment), history=()) == payment


@pytest.mark.parametrize("other", ["ORD_A", "ord_a", "ORD_a_", "ORD-a", "ORD_a ", "ORD_á"])
def test_numbers_that_differ_at_all_are_different(journal: Journal, other: str) -> None:
    """Neither case nor an accent nor a space at the end makes two numbers one."""
    open_one(journal, merc_trx_no="ORD_a")
    payment = open_one(journal, merc_trx_no=other)
    assert journal.find(payment.tid, other).result() == again(journal, payment)


@pytest.mark.parametrize("state", WAYS)
@pytest.mark.parametrize("same", [True, False])
def test_a_used_number_is_never_opened_again(journal: Journal, state: State, *, same: bool) -> None:
    """Whatever became of it, and whoever asks: the row and whether the data are the same."""
    payment = bring_to(journal, state)
    data = b"the same order" if same else b"another order"
    second = intent(merc_trx_no=payment.merc_trx_no, same_data=data)
    known = journal.open_new(second).result()
    assert isinstance(known, Known)
    assert (known.payment, known.same_data) == (payment, same)
    assert journal.read(second.id).result() is None


@pytest.mark.parametrize("state", WAYS)
def test_what_another_world_knows_is_not_the_same_order(journal: Journal, state: State) -> None:
    """A number that a test gateway approved is used, but says nothing of the real gateway."""
    payment = bring_to(journal, state)
    for limit in (None, 100):
        second = intent(merc_trx_no=payment.merc_trx_no, world="elsewhere", max_in_doubt=limit)
        known = journal.open_new(second).result()
        assert isinstance(known, Known)
        assert (known.payment, known.same_data) == (payment, False)


def test_one_of_many_intents_with_one_number_is_opened(journal: Journal) -> None:
    """Sixteen threads open the same number: one wins, the others are told of it."""
    start = threading.Barrier(16)

    def attempt(_: int) -> str:
        start.wait()
        return fate(journal.open_new(intent(merc_trx_no="ORD_RACE")).result())

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(attempt, range(16))) == ["Known"] * 15 + ["Opened"]


def test_too_many_in_doubt_opens_nothing(journal: Journal, clock: Clock) -> None:
    """Of this world only, and a lease that runs is no doubt."""
    bring_to(journal, State.NET_CANCELLING)
    bring_to(journal, State.NET_CANCELLING, world="staging")
    bring_to(journal, State.SETTLING)
    open_one(journal)
    assert fate(journal.open_new(intent(max_in_doubt=2)).result()) == "Opened"
    refused = intent(max_in_doubt=1)
    assert fate(journal.open_new(refused).result()) == "TooMany"
    assert journal.read(refused.id).result() is None
    clock.advance(HOLD)
    assert fate(journal.open_new(intent(max_in_doubt=3)).result()) == "TooMany"
    assert fate(journal.open_new(intent(max_in_doubt=4)).result()) == "Opened"


def test_a_used_number_is_known_however_many_are_in_doubt(journal: Journal) -> None:
    """A second caller is told of its payment, not of the others."""
    payment = bring_to(journal, State.NET_CANCELLING)
    again_asked = intent(merc_trx_no=payment.merc_trx_no, max_in_doubt=1)
    assert fate(journal.open_new(again_asked).result()) == "Known"
