"""Merchants and cancellers as real processes: killed anywhere, and racing with recovery."""

from __future__ import annotations

import itertools
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from netcancel import State
from netcancel.demo.books import Fault, close_books
from tests.duty import parts
from tests.duty.books import check_books
from tests.duty.shop import order_of
from tests.duty.test_cancels import cancels_of, recover, shop_at
from tests.duty.test_kill import spoil

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Child, Nursery
    from tests.duty.shop import Shop

MERCHANTS_STEPS: Final = 3
"""The order, its confirmation, their commit."""

LEAST_EFFECTS_OF_A_SALE: Final = 6 + MERCHANTS_STEPS
LEAST_EFFECTS_OF_A_CANCEL: Final = 7
"""Find, what time is it, stamp, write, sign, exchange, write."""

ROUNDS: Final = int(os.environ.get("NETCANCEL_TEST_RACE_ROUNDS", "500"))
"""Ten thousand take some minutes."""


def die_everywhere(start: Callable[[str, int, str], Child]) -> tuple[int, list[Any]]:
    """Start children that die before and after each effect, until two survive.

    Return how many effects there were, and what the survivors said.
    """
    for effect in itertools.count(1):
        survived: list[Any] = []
        for side in ("before", "after"):
            child = start(f"{effect}-{side}", effect, side)
            said = child.end()
            assert child.ended_by == (0 if said else -signal.SIGKILL)
            survived += said
        if survived:
            assert len(survived) == 2
            return effect - 1, survived
    raise AssertionError


def orders_in(shop: Shop) -> set[str]:
    """Return the numbers of all orders."""
    with closing(parts.orders_of(shop)) as orders:
        return {number for (number,) in orders.execute("SELECT number FROM orders")}


def live_in(van: Sandbox) -> set[str]:
    """Return the numbers that are charged."""
    return {charge["merc_trx_no"] for charge in van.charges() if charge["status"] == "live"}


@pytest.mark.parametrize("fate", ["approved", "declined", "charged, answer lost"])
def test_a_merchant_dies_anywhere(
    tmp_path: Path, van: Sandbox, nursery: Nursery, fate: str
) -> None:
    """Wherever it is killed: no order without a charge, no charge without an order."""
    shop = shop_at(van, tmp_path)

    def start(number: str, effect: int, side: str) -> Child:
        spoil(van, fate)
        words = shop.as_words()
        return nursery.start("sell_and_die", shop=words, number=number, effect=effect, side=side)

    effects, said = die_everywhere(start)
    is_sold = fate == "approved"
    assert said == ["sold" if is_sold else "not sold"] * 2
    assert effects >= (LEAST_EFFECTS_OF_A_SALE if is_sold else 6)
    van.clear_faults()
    shop.recover_until_closed(ahead_seconds=parts.CONFIRM_SECONDS)
    assert orders_in(shop) == live_in(van)
    assert len(live_in(van)) == (3 if is_sold else 0)
    assert max(cancels_of(van).values(), default=1) == 1
    check_books(van, shop)


CANCEL_FAULTS: Final = {
    "done": [],
    "worked, answer lost": ["commit-then-reset"],
    "not worked, answer lost": ["reset"],
    "refused": ["net-cancel-refused"],
}


@pytest.mark.parametrize("fate", CANCEL_FAULTS)
def test_a_canceller_dies_anywhere(
    tmp_path: Path, van: Sandbox, nursery: Nursery, fate: str
) -> None:
    """Wherever it is killed: given back once, or approved still, or a person's; books balance."""
    shop = shop_at(van, tmp_path)

    def start(number: str, effect: int, side: str) -> Child:
        with shop.guard() as guard:
            guard.approve(**order_of(number))
        van.clear_faults()
        for name in CANCEL_FAULTS[fate]:
            van.inject(name, endpoint="cancel")
        words = shop.as_words()
        return nursery.start("cancel_and_die", shop=words, number=number, effect=effect, side=side)

    effects, said = die_everywhere(start)
    assert effects >= LEAST_EFFECTS_OF_A_CANCEL
    last = {"done": State.CANCELLED, "refused": State.ESCALATED}.get(fate, State.SETTLING)
    assert said == [last] * 2
    van.clear_faults()
    recover(shop)
    assert max(cancels_of(van).values()) == 1
    payments = {payment.merc_trx_no: payment for payment in shop.payments()}
    problems = close_books(van.charges(), [*payments.values()]).problems
    open_ones = {each.number[1] for each in problems if each.fault is Fault.OPEN}
    assert len(open_ones) == len(problems)
    assert {payments[number].state for number in open_ones} <= {State.ESCALATED}
    assert (fate == "refused") == bool(open_ones)
    approved = {number for number, each in payments.items() if each.state is State.APPROVED}
    # Dead before the wish was written down, it was never asked for; after that, it is recovery's.
    assert approved
    assert live_in(van) == approved | open_ones


@pytest.mark.timeout(60 + ROUNDS // 10)
def test_processes_race_for_each_payment(tmp_path: Path, van: Sandbox, nursery: Nursery) -> None:
    """Two merchants and a worker: confirmed is charged and ordered, all else refunded once."""
    shop = shop_at(van, tmp_path)
    numbers = [parts.number_at(place) for place in range(ROUNDS)]
    with shop.guard() as guard, ThreadPoolExecutor(16) as threads:
        approve = partial(guard.approve, confirm_within=parts.CONFIRM_SECONDS)
        list(threads.map(lambda number: approve(**order_of(number)), numbers))
    words = shop.as_words()
    merchants = [
        nursery.start("confirm_in_turn", shop=words, first=first, count=ROUNDS, joins=joins)
        for first, joins in ((0, True), (1, False))
    ]
    worker = nursery.start(
        "recover_until_over", shop=words, ahead_seconds=parts.CONFIRM_SECONDS + 1.0
    )
    for child in (*merchants, worker):
        child.hear_until("ready")
    parts.go_file(shop, "ready").touch()
    stands = ["".join(merchant.end()) for merchant in merchants]
    parts.go_file(shop, "over").touch()
    worker.end()
    assert [each.ended_by for each in (*merchants, worker)] == [0, 0, 0]
    recover(shop)
    ordered, confirmed = (
        {number for number, stood in zip(numbers[first::2], each, strict=True) if stood == "1"}
        for first, each in enumerate(stands)
    )
    assert live_in(van) == ordered | confirmed
    assert orders_in(shop) == ordered
    assert len(van.charges()) == ROUNDS
    assert {charge["status"] for charge in van.charges()} <= {"live", "refunded"}
    assert max(cancels_of(van).values(), default=1) == 1
    check_books(van, shop)
