"""The duty with the journal on a server: losses, many hosts, and orders in the same database."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import psycopg
import pymysql
import pytest

from netcancel import Approved, InDoubt, NetCancelled, State
from netcancel.journal.mysql import parameters_of
from netcancel.recovery import Recovery
from netcancel.sandbox import Sandbox, codes
from tests.duty.books import check_books
from tests.duty.shop import Shop, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["postgres", "mysql"])
def url(request: pytest.FixtureRequest) -> str:
    """Return an empty database on each kind of server."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
def shop(van: Sandbox, tmp_path: Path, url: str) -> Shop:
    """Set up a shop whose journal is on a server."""
    at = Shop.at(
        van,
        tmp_path,
        nothing_to_void_codes=frozenset([codes.NOTHING_TO_VOID]),
        already_voided_codes=frozenset([codes.ALREADY_CANCELLED]),
    )
    return replace(at, journal=url)


@pytest.fixture
def van() -> Iterator[Sandbox]:
    """Start a gateway."""
    with Sandbox() as van:
        yield van


def recover(shop: Shop, *, turns: int = 3) -> None:
    """Recover as if more and more time had passed."""
    step = shop.policy.hold_seconds + shop.policy.settle_after_seconds + 61.0
    for turn in range(1, turns + 1):
        with shop.desk(ahead_seconds=turn * step) as desk:
            asyncio.run(Recovery(desk).run_once())


def test_what_is_lost_is_voided_and_verified(van: Sandbox, shop: Shop) -> None:
    """By its caller at once, by recovery to the end; the books balance."""
    with shop.guard() as guard:
        assert isinstance(guard.approve(**order_of("A")), Approved)
        for number, fault in (("B", "commit-then-reset"), ("C", "broken-json")):
            van.inject(fault, endpoint="approval")
            assert isinstance(guard.approve(**order_of(number)), NetCancelled | InDoubt)
    recover(shop)
    states = {payment.merc_trx_no: payment.state for payment in shop.payments()}
    assert states == {"A": State.APPROVED, "B": State.NET_CANCELLED, "C": State.NET_CANCELLED}
    check_books(van, shop)


def test_two_hosts_never_charge_one_number_twice(van: Sandbox, shop: Shop) -> None:
    """Both are told the same of each number, whoever was first."""
    numbers = [f"N{place}" for place in range(20)]
    with shop.guard() as one, shop.guard() as other, ThreadPoolExecutor(8) as threads:
        asked = [(guard, number) for number in numbers for guard in (one, other)]
        told = list(threads.map(lambda each: each[0].approve(**order_of(each[1])), asked))
    assert all(isinstance(outcome, Approved) for outcome in told)
    assert sorted(charge["merc_trx_no"] for charge in van.charges()) == sorted(numbers)
    check_books(van, shop)


def orders_at(url: str) -> Any:
    """Return a merchant's own connection, with a table of orders."""
    if url.startswith("mysql"):
        connection: Any = pymysql.connect(**parameters_of(url))
    else:
        connection = psycopg.connect(url)
    with closing(connection.cursor()) as cursor:
        cursor.execute("DROP TABLE IF EXISTS orders")
        cursor.execute("CREATE TABLE orders (number VARCHAR(40) PRIMARY KEY)")
    connection.commit()
    return connection


def test_order_and_confirmation_are_one_transaction(van: Sandbox, shop: Shop) -> None:
    """Committed together, or rolled back together and then refunded."""
    with shop.guard() as guard, closing(orders_at(shop.journal)) as orders:
        for number, end in (("A", orders.commit), ("B", orders.rollback)):
            with guard.payment(confirm_within=60, **order_of(number)) as payment:
                orders.cursor().execute("INSERT INTO orders VALUES (%s)", [number])
                payment.confirm(connection=orders)
                end()
        recover(shop)
        cursor = orders.cursor()
        cursor.execute("SELECT number FROM orders")
        assert [row[0] for row in cursor.fetchall()] == ["A"]
        orders.rollback()
    charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    assert charges == {"A": "live", "B": "refunded"}
    check_books(van, shop)


@pytest.mark.parametrize("url", ["postgres"], indirect=True)
def test_an_awaited_connection_confirms_too(van: Sandbox, shop: Shop) -> None:
    """An AsyncGuard awaits psycopg's AsyncConnection."""

    async def trade() -> None:
        async with (
            shop.async_guard() as guard,
            await psycopg.AsyncConnection.connect(shop.journal) as orders,
        ):
            for number, end in (("A", orders.commit), ("B", orders.rollback)):
                async with guard.payment(confirm_within=60, **order_of(number)) as payment:
                    await payment.confirm(connection=orders)
                    await end()

    asyncio.run(trade())
    recover(shop)
    charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    assert charges == {"A": "live", "B": "refunded"}
    check_books(van, shop)
