"""Hosts whose wall clocks disagree, on one journal: only its server's clock decides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import State
from tests.duty.books import by_number, check_books
from tests.duty.parts import approve_and_wait, on_another_host, recover_once
from tests.duty.shop import Shop
from tests.duty.test_recovery import owe

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Child, Nursery

APART_SECONDS = 120.0
"""Between two hosts: far more than any lease here, and within what the gateway forgives."""


@pytest.fixture(params=["postgres_url", "mysql_url"])
def shop(request: pytest.FixtureRequest, van: Sandbox, tmp_path: Path) -> Shop:
    """Set up a shop whose journal is on a server of each kind."""
    at_once = {"first_retry_seconds": 1e-6, "retry_ceiling_seconds": 1e-6}
    shop = Shop.at(van, tmp_path, **at_once)
    return replace(shop, journal=request.getfixturevalue(request.param))


def start(nursery: Nursery, ahead_seconds: float, part: Any, **arguments: Any) -> Child:
    """Start a child on a host whose clock is ahead by so many seconds."""
    return nursery.start(
        on_another_host.__name__,
        ahead_seconds=ahead_seconds,
        state=str(Path(arguments["go"]).with_name(f"host{ahead_seconds:+.0f}")),
        plays=part.__name__,
        arguments=arguments,
    )


@pytest.mark.parametrize("owner_ahead", [APART_SECONDS / 2, -APART_SECONDS / 2])
def test_nobody_takes_over_early(
    tmp_path: Path, van: Sandbox, shop: Shop, nursery: Nursery, owner_ahead: float
) -> None:
    """A worker whose clock is two minutes off an owner's leaves the owner's lease alone."""
    owe(van, shop, 1)
    words, go = shop.as_words(), tmp_path / "go"
    owner = start(nursery, owner_ahead, approve_and_wait, shop=words, number="ORD_1", go=str(go))
    owner.hear_until("answered")
    now = tmp_path / "now"
    now.touch()
    worker = start(nursery, -owner_ahead, recover_once, shop=words, go=str(now))
    assert worker.end() == ["ready", 1]  # what is owed, and nothing else
    go.touch()
    assert owner.end() == ["Approved"]
    shop.recover_until_closed()
    check_books(van, shop)


def test_nothing_is_done_twice(tmp_path: Path, van: Sandbox, shop: Shop, nursery: Nursery) -> None:
    """Two workers whose clocks are two minutes apart send one net-cancel for each payment."""
    count = 30
    owe(van, shop, count)
    sent_before = len(van.requests())
    van.inject("late-answer", times=count, endpoint="net-cancel", seconds=0.02)
    words, go = shop.as_words(), tmp_path / "go"
    workers = [
        start(nursery, ahead, recover_once, shop=words, go=str(go))
        for ahead in (APART_SECONDS / 2, -APART_SECONDS / 2)
    ]
    for worker in workers:
        worker.hear_until("ready")
    go.touch()
    assert sum(worker.hear() for worker in workers) == count
    sent = by_number(van.requests()[sent_before:])
    assert [len(of_number) for of_number in sent.values()] == [1] * count
    assert {payment.state for payment in shop.payments()} == {State.SETTLING}
    shop.recover_until_closed()
    check_books(van, shop)
