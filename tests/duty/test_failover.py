"""The journal's primary is lost for good amid a payment, and its standby takes over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from netcancel import Approved, NetCancelled
from tests.duty.books import check_books
from tests.duty.parts import Troubled
from tests.duty.shop import Shop, order_of
from tests.missing import missing
from tests.servers.kinds import Postgres
from tests.servers.standby import Pair

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel.sandbox import Sandbox


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Run a primary and its standby."""
    kind = Postgres.found()
    if not isinstance(kind, Postgres):
        missing("the programs of postgres")
    with Pair(kind) as pair:
        yield pair


def test_a_standby_takes_over_amid_a_payment(van: Sandbox, tmp_path: Path, pair: Pair) -> None:
    """What was told before is there, the verdict at hand is written there, and all goes on."""
    shop = replace(Shop.at(van, tmp_path), journal=pair.url)
    with shop.guard() as guard:
        told = {"ORD_1": guard.approve(**order_of("ORD_1"))}
        van.inject("commit-then-reset")
        told["ORD_2"] = guard.approve(**order_of("ORD_2"))
        Troubled(guard, pair, mends=True)
        told["ORD_3"] = guard.approve(**order_of("ORD_3"))
        told["ORD_4"] = guard.approve(**order_of("ORD_4"))
    assert [type(outcome) for outcome in told.values()] == [Approved, NetCancelled] + [Approved] * 2
    shop.recover_until_closed()
    check_books(van, shop, told)
