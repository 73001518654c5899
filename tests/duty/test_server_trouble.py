"""A database server that is gone, read-only or full of others amid a payment: nothing is lost."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from netcancel import Approved, InDoubt, JournalUnavailable, NetCancelled
from tests.duty.books import by_number, check_books
from tests.duty.parts import Troubled
from tests.duty.shop import Shop, order_of
from tests.missing import missing
from tests.servers.administrators import ADMINISTRATORS
from tests.servers.hardships import HARDSHIPS, Gone, Hardship
from tests.servers.kinds import found
from tests.servers.running import OwnServer
from tests.servers.small_disk import small_disk

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel import Guard, Outcome
    from netcancel.sandbox import Sandbox

TROUBLES = ("gone", "read-only", "crowded")
DISK_MEGABYTES = {"postgres": 200, "mariadb": 400}
"""What a server's own files need, and some more."""


@pytest.fixture(scope="module", params=[*HARDSHIPS])
def server(request: pytest.FixtureRequest) -> Iterator[OwnServer]:
    """Run a server of each kind that these tests may kill."""
    kind = found(request.param)
    if kind is None:
        missing(f"the programs of {request.param}")
    with OwnServer(kind) as server:
        yield server


@pytest.fixture
def shop(van: Sandbox, tmp_path: Path, server: OwnServer) -> Shop:
    """Set up a shop whose journal is in an empty database of that server."""
    database = ADMINISTRATORS[server.kind.name](server.url).empty_database()
    return replace(Shop.at(van, tmp_path), journal=database)


@pytest.fixture(params=TROUBLES)
def hardship(request: pytest.FixtureRequest, server: OwnServer) -> Hardship:
    """Prepare each kind of trouble."""
    return HARDSHIPS[server.kind.name][request.param](server)


def test_trouble_before_the_intent(van: Sandbox, shop: Shop, hardship: Hardship) -> None:
    """Where the intent can't be written nothing is sent; when it can be, the guard goes on."""
    with shop.guard() as guard:
        assert isinstance(guard.approve(**order_of("ORD_1")), Approved)
        hardship.begin()
        with pytest.raises(JournalUnavailable):
            guard.approve(**order_of("ORD_2"))
        hardship.end()
        assert isinstance(guard.approve(**order_of("ORD_2")), Approved)
    assert [len(each) for each in by_number(van.requests()).values()] == [1, 1]
    check_books(van, shop)


FAULTS = {"approved": None, "lost": "commit-then-reset"}
MENDED = {
    "approved": (Approved,),
    # Two seconds after its claim a net-cancel isn't sent any more: recovery claims it anew.
    "lost": (NetCancelled, InDoubt),
}


@pytest.mark.parametrize("fate", FAULTS)
def test_trouble_before_the_verdict_that_mends(
    van: Sandbox, shop: Shop, hardship: Hardship, fate: str
) -> None:
    """A verdict that can't be written is written again within the lease, and only then told."""
    if fault := FAULTS[fate]:
        van.inject(fault)
    with shop.guard() as guard:
        Troubled(guard, hardship, mends=True)
        told = guard.approve(**order_of("ORD_1"))
        assert isinstance(told, MENDED[fate])
    shop.recover_until_closed()
    check_books(van, shop, {"ORD_1": told})


def test_a_server_that_is_gone_too_long(van: Sandbox, shop: Shop, server: OwnServer) -> None:
    """A verdict that can't be written while the lease lasts is never told: in doubt, then void."""
    # An answer comes at once; the time-out is in the lease, which is waited for here.
    shop = shop.with_policy(timeout_seconds=1.5)
    hardship = Gone(server)
    with shop.guard() as guard:
        Troubled(guard, hardship, mends=False)
        assert isinstance(guard.approve(**order_of("ORD_1")), InDoubt)
        hardship.end()
        assert guard.find("ORD_1") is not None
    shop.recover_until_closed()
    with shop.guard() as guard:
        told = guard.approve(**order_of("ORD_1"))
    assert isinstance(told, NetCancelled)
    check_books(van, shop, {"ORD_1": told})
    assert [charge["status"] for charge in van.charges()] == ["voided"]


@pytest.mark.parametrize("name", [*HARDSHIPS])
def test_a_server_whose_disk_is_full(van: Sandbox, tmp_path: Path, name: str) -> None:
    """A payment is refused unsent or left in doubt, and none is lost; with room all goes on."""
    kind = found(name)
    if kind is None:
        missing(f"the programs of {name}")
    with (
        small_disk(DISK_MEGABYTES[name]) as disk,
        OwnServer(kind, str(disk.home)) as server,
    ):
        database = ADMINISTRATORS[name](server.url).empty_database()
        shop = replace(Shop.at(van, tmp_path), journal=database).with_policy(timeout_seconds=1.5)
        told: dict[str, Outcome] = {}
        with shop.guard() as guard:
            disk.begin()
            _meet_trouble(guard, told)
            disk.end()
            told["ORD_AFTER"] = guard.approve(**order_of("ORD_AFTER"))
            assert isinstance(told["ORD_AFTER"], Approved)
        shop.recover_until_closed()
        check_books(van, shop, told)


def _meet_trouble(guard: Guard, told: dict[str, Outcome]) -> None:
    """Approve until the journal has no room: for an intent, or for what became of one."""
    for place in itertools.count():
        number = f"ORD_{place}"
        try:
            outcome = guard.approve(**order_of(number))
        except JournalUnavailable:
            return
        if not isinstance(outcome, Approved):
            assert isinstance(outcome, InDoubt)
            return
        told[number] = outcome
