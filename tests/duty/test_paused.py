"""Owners and workers that are stopped beyond their lease, with an answer in their hands."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import State
from netcancel.core.lifecycle import Event
from netcancel.recovery import Recovery
from tests.duty.books import check_books
from tests.duty.parts import approve_and_die, approve_and_wait, recover_and_wait
from tests.duty.shop import Shop
from tests.duty.test_kill import EXCHANGE

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Child, Nursery

SETTLED: dict[str, Any] = {"settle_seconds": 0.5}
UNSETTLED: dict[str, Any] = {"settle_seconds": 600.0}


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def shop(request: pytest.FixtureRequest, van: Sandbox, tmp_path: Path) -> Shop:
    """Set up a shop on a journal of each kind."""
    shop = Shop.at(van, tmp_path)
    if request.param == "sqlite":
        return shop
    return replace(shop, journal=request.getfixturevalue(f"{request.param}_url"))


class Sleeper:
    """A child that is stopped while it holds an answer, and woken."""

    def __init__(self, nursery: Nursery, go: Path, part: Any, **arguments: Any) -> None:
        self._go = go
        self._child: Child = nursery.start(part.__name__, go=str(go), **arguments)
        self._child.hear_until("answered")
        self._child.kill(signal.SIGSTOP)

    def wake(self) -> Any:
        """Let it go on, and return the last that it says."""
        self._go.touch()
        self._child.kill(signal.SIGCONT)
        said = self._child.hear()
        assert self._child.end() == []
        return said


def recover(shop: Shop, ahead_seconds: float) -> None:
    """Make one pass, so many seconds later by the journal's clock."""
    with shop.desk(ahead_seconds=ahead_seconds) as desk:
        asyncio.run(Recovery(desk).run_once())


def the_payment(shop: Shop) -> tuple[State, list[Event]]:
    """Return the only payment's state, and what happened to it."""
    [payment] = shop.payments()
    return payment.state, [entry.event for entry in payment.history]


MEANWHILE = {
    "net-cancel refused": (UNSETTLED, "net-cancel-refused", State.NET_CANCELLING),
    "voided, not for good": (UNSETTLED, None, State.SETTLING),
    "voided for good": (SETTLED, None, State.NET_CANCELLED),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_an_owner_that_wakes_up_with_an_approval_does_not_report_it(
    tmp_path: Path, van: Sandbox, shop: Shop, nursery: Nursery, meanwhile: str
) -> None:
    """Its payment was taken over: whatever became of that, the approval is void, and not told."""
    policy, fault, state = MEANWHILE[meanwhile]
    shop = shop.with_policy(**policy)
    sleeper = Sleeper(
        nursery, tmp_path / "go", approve_and_wait, shop=shop.as_words(), number="ORD_1"
    )
    if fault:
        van.inject(fault)
    ahead_seconds = shop.policy.hold_seconds + 5.0
    recover(shop, ahead_seconds)
    assert the_payment(shop)[0] is state
    assert sleeper.wake() == "InDoubt"
    assert the_payment(shop)[1].count(Event.LATE_APPROVAL) == 1
    shop.recover_until_closed(ahead_seconds=ahead_seconds)
    check_books(van, shop)
    assert [charge["status"] for charge in van.charges()] == ["voided"]


def test_a_worker_that_wakes_up_closes_nothing_that_it_does_not_hold(
    tmp_path: Path, van: Sandbox, shop: Shop, nursery: Nursery
) -> None:
    """Its net-cancel was acknowledged late; the payment is another's by now, and stays owed."""
    words = shop.as_words()
    owner = nursery.start(
        approve_and_die.__name__, shop=words, number="ORD_1", effect=EXCHANGE, side="after"
    )
    assert owner.end() == []
    ahead_seconds = shop.policy.hold_seconds + 5.0
    sleeper = Sleeper(
        nursery, tmp_path / "go", recover_and_wait, shop=words, ahead_seconds=ahead_seconds
    )
    van.inject("net-cancel-refused")
    recover(shop, 2 * ahead_seconds)
    before = the_payment(shop)
    assert before[0] is State.NET_CANCELLING
    assert sleeper.wake() == State.NET_CANCELLING
    assert the_payment(shop) == (before[0], [*before[1], Event.ACKNOWLEDGED_LATE])
    shop.recover_until_closed(ahead_seconds=2 * ahead_seconds)
    check_books(van, shop)
