"""Cancels and confirmations against the sandbox: every fault, and the books."""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from netcancel import (
    Approved,
    Cancelled,
    CancelRefused,
    ConfigurationError,
    ConfirmationMissed,
    InDoubt,
    NetCancelled,
    PaymentNotApproved,
    State,
)
from netcancel.recovery import Recovery
from netcancel.sandbox import Sandbox, codes
from netcancel.sandbox.faults import CATALOGUE
from tests.duty.books import cancels_in, check_books
from tests.duty.shop import Shop, order_of

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from netcancel import CancelOutcome, Guard

MEMORIES: Final = ("tombstone", "code", "forgetful")
SILENCE_SECONDS: Final = 1.5
FAULTS: Final = tuple(fault.name for fault in CATALOGUE if "cancel" in fault.endpoints)


def shop_at(van: Sandbox, directory: Path, **policy: Any) -> Shop:
    """Set up a shop that knows what the sandbox's codes mean."""
    return Shop.at(
        van,
        directory,
        nothing_to_void_codes=frozenset([codes.NOTHING_TO_VOID]),
        already_voided_codes=frozenset([codes.ALREADY_CANCELLED]),
        **policy,
    )


def recover(shop: Shop, *, turns: int = 5) -> None:
    """Recover as if more and more time had passed."""
    step = shop.policy.hold_seconds + shop.policy.settle_after_seconds + 61.0
    for turn in range(1, turns + 1):
        with shop.desk(ahead_seconds=turn * step) as desk:
            asyncio.run(Recovery(desk).run_once())


def cancels_of(van: Sandbox) -> Counter[str]:
    """Count the cancels that arrived, by the original that they name."""
    return cancels_in(van.requests())


def trade(van: Sandbox, shop: Shop) -> dict[str, CancelOutcome]:
    """Approve a number for each fault, then cancel each with that fault."""
    with shop.guard() as guard:
        for name in FAULTS:
            assert isinstance(guard.approve(**order_of(name[:20])), Approved)
        told = {}
        for name in FAULTS:
            van.inject(name, endpoint="cancel")
            told[name] = guard.cancel(name[:20])
    return told


async def trade_async(van: Sandbox, shop: Shop) -> dict[str, CancelOutcome]:
    """Do the same, awaiting."""
    async with shop.async_guard() as guard:
        for name in FAULTS:
            assert isinstance(await guard.approve(**order_of(name[:20])), Approved)
        told = {}
        for name in FAULTS:
            van.inject(name, endpoint="cancel")
            told[name] = await guard.cancel(name[:20])
    return told


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_every_fault_of_a_cancel_ends_in_balanced_books(
    tmp_path: Path, memory: str, kind: str
) -> None:
    """Refunded or voided once, or refused with the charge standing; a cancel arrives once."""
    with Sandbox(net_cancel_memory=memory) as van:
        shop = shop_at(van, tmp_path, timeout_seconds=SILENCE_SECONDS)
        told = trade(van, shop) if kind == "Guard" else asyncio.run(trade_async(van, shop))
        recover(shop)
        hit = {each["fault"] for each in van.requests() if each["endpoint"] == "cancel"}
        assert hit >= set(FAULTS)
        assert max(cancels_of(van).values()) == 1
        charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
        for payment in shop.payments():
            status = charges[payment.merc_trx_no]
            if payment.state is State.ESCALATED:
                # Whatever code comes that isn't 0000: a person is asked, and looks it up.
                worked = payment.merc_trx_no == "unlisted-code"
                assert status == ("refunded" if worked else "live")
            else:
                assert payment.state in {State.CANCELLED, State.NET_CANCELLED}
                assert status in {"refunded", "voided"}
        assert isinstance(told["net-cancel-refused"], CancelRefused)
        kinds = {type(outcome) for outcome in told.values()}
        assert kinds <= {Cancelled, CancelRefused, NetCancelled, InDoubt}


@pytest.mark.parametrize("delta", [-1, 1])
def test_one_won_more_or_less_is_refunded_told_and_on_record(
    tmp_path: Path, van: Sandbox, delta: int
) -> None:
    """The charge is given back, and both amounts are known afterwards."""
    shop = shop_at(van, tmp_path)
    van.inject("wrong-amount", amount_delta=delta)
    with shop.guard() as guard:
        outcome = guard.approve(**order_of("ORD_1"))
        payment = guard.find("ORD_1")
    assert isinstance(outcome, Cancelled)
    assert outcome.reason == "amount-mismatch"
    assert (outcome.requested, outcome.approved) == (10_000, 10_000 + delta)
    assert payment is not None
    assert (payment.trx_amt, payment.approved_amt) == (10_000, 10_000 + delta)
    assert [charge["status"] for charge in van.charges()] == ["refunded"]
    check_books(van, shop, {"ORD_1": outcome})


def test_a_block_confirms_or_refunds(tmp_path: Path, van: Sandbox) -> None:
    """Left, it stands; after an exception it is refunded; not approved, it isn't entered."""
    shop = shop_at(van, tmp_path)
    with shop.guard() as guard:
        with guard.payment(confirm_within=60, **order_of("A")) as payment:
            assert payment.merc_trx_no == "A"
        with (
            pytest.raises(ZeroDivisionError),
            guard.payment(confirm_within=60, **order_of("B")),
        ):
            raise ZeroDivisionError
        van.inject("decline")
        with (
            pytest.raises(PaymentNotApproved) as refused,
            guard.payment(confirm_within=60, **order_of("C")),
        ):
            raise AssertionError("entered")
        assert refused.value.outcome.state is State.DECLINED
        assert guard.confirm("A")
        assert not guard.confirm("B")
    charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    assert charges == {"A": "live", "B": "refunded"}
    check_books(van, shop)


def test_an_awaited_block_confirms_or_refunds(tmp_path: Path, van: Sandbox) -> None:
    """The same, awaiting; also when its task is cancelled."""
    shop = shop_at(van, tmp_path)

    async def trade_in_blocks() -> None:
        async with shop.async_guard() as guard:
            async with guard.payment(confirm_within=60, **order_of("A")):
                pass
            entered = asyncio.Event()

            async def wait_for_ever() -> None:
                async with guard.payment(confirm_within=60, **order_of("B")):
                    entered.set()
                    await asyncio.Event().wait()

            task = asyncio.create_task(wait_for_ever())
            await entered.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(trade_in_blocks())
    charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    assert charges == {"A": "live", "B": "refunded"}
    check_books(van, shop)


def test_a_missed_confirmation_is_refunded_and_told(tmp_path: Path, van: Sandbox) -> None:
    """Recovery was first: the block raises, and the charge is given back once."""
    shop = shop_at(van, tmp_path)
    with (
        shop.guard() as guard,
        pytest.raises(ConfirmationMissed),
        guard.payment(confirm_within=30, **order_of("A")),
    ):
        recover(shop, turns=1)
    assert [charge["status"] for charge in van.charges()] == ["refunded"]
    assert max(cancels_of(van).values()) == 1
    check_books(van, shop)


def orders_in(shop: Shop) -> sqlite3.Connection:
    """Open a merchant's own connection to the journal's file, with a table of orders."""
    connection = sqlite3.connect(shop.journal_path)
    connection.execute("CREATE TABLE IF NOT EXISTS orders (number TEXT PRIMARY KEY)")
    connection.commit()
    return connection


def test_order_and_confirmation_are_one_transaction(tmp_path: Path, van: Sandbox) -> None:
    """Committed together, or rolled back together and then refunded."""
    shop = shop_at(van, tmp_path)
    with shop.guard() as guard, closing(orders_in(shop)) as orders:
        with guard.payment(confirm_within=60, **order_of("A")) as payment, orders:
            orders.execute("INSERT INTO orders VALUES ('A')")
            payment.confirm(connection=orders)
        with (  # noqa: PT012  the block is the subject
            pytest.raises(sqlite3.IntegrityError),
            guard.payment(confirm_within=60, **order_of("B")) as payment,
            orders,
        ):
            orders.execute("INSERT INTO orders VALUES ('B')")
            payment.confirm(connection=orders)
            orders.execute("INSERT INTO orders VALUES ('B')")
        with guard.payment(confirm_within=60, **order_of("C")) as payment:
            payment.confirm(connection=orders)
            orders.rollback()
    recover(shop)
    with closing(orders_in(shop)) as orders:
        assert orders.execute("SELECT number FROM orders").fetchall() == [("A",)]
    charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    assert charges == {"A": "live", "B": "refunded", "C": "refunded"}
    check_books(van, shop)


@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
@pytest.mark.parametrize("end", ["commit", "rollback", "close"])
def test_a_failing_merchant_does_not_wait_for_a_transaction_of_its_own(
    tmp_path: Path, van: Sandbox, caplog: pytest.LogCaptureFixture, kind: str, end: str
) -> None:
    """While it is open, the payment is left to recovery; what it commits in the end stands."""
    shop = shop_at(van, tmp_path)
    bought: dict[str, Any] = {"confirm_within": 60, **order_of("A")}
    with shop.guard() as guard, closing(orders_in(shop)) as orders:

        def fail() -> None:
            with guard.payment(**bought) as payment:
                orders.execute("INSERT INTO orders VALUES ('A')")
                payment.confirm(connection=orders)
                raise ZeroDivisionError

        async def fail_awaiting() -> None:
            async with shop.async_guard() as other, other.payment(**bought) as payment:
                orders.execute("INSERT INTO orders VALUES ('A')")
                await payment.confirm(connection=orders)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            asyncio.run(fail_awaiting()) if kind == "AsyncGuard" else fail()
        assert "left to recovery" in caplog.text
        assert [each["endpoint"] for each in van.requests()] == ["approval"]
        getattr(orders, end)()
    recover(shop)
    stands = end == "commit"
    with closing(orders_in(shop)) as orders:
        assert orders.execute("SELECT number FROM orders").fetchall() == [("A",)] * stands
    assert [each["status"] for each in van.charges()] == ["live" if stands else "refunded"]
    check_books(van, shop)


@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_nor_for_one_on_a_server(
    tmp_path: Path, van: Sandbox, postgres_url: str, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """There it holds the payment's row: what is rolled back in the end is refunded by recovery."""
    shop = replace(shop_at(van, tmp_path), journal=postgres_url)
    bought: dict[str, Any] = {"confirm_within": 60, **order_of("A")}

    def fail() -> None:
        with (
            psycopg.connect(postgres_url) as orders,
            shop.guard() as guard,
            guard.payment(**bought) as payment,
        ):
            payment.confirm(connection=orders)
            raise ZeroDivisionError

    async def fail_awaiting() -> None:
        async with (
            await psycopg.AsyncConnection.connect(postgres_url) as orders,
            shop.async_guard() as guard,
            guard.payment(**bought) as payment,
        ):
            await payment.confirm(connection=orders)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(fail_awaiting()) if kind == "AsyncGuard" else fail()
    assert "left to recovery" in caplog.text
    assert [each["endpoint"] for each in van.requests()] == ["approval"]
    recover(shop)
    assert [each["status"] for each in van.charges()] == ["refunded"]
    check_books(van, shop)


def test_a_connection_that_is_closed_holds_nobody_up(tmp_path: Path, van: Sandbox) -> None:
    """A merchant that closes its connection before it fails is refunded at once."""
    shop = shop_at(van, tmp_path)
    with (  # noqa: PT012  the block is the subject
        shop.guard() as guard,
        pytest.raises(ZeroDivisionError),
        guard.payment(confirm_within=60, **order_of("A")) as payment,
        closing(orders_in(shop)) as orders,
    ):
        payment.confirm(connection=orders)
        raise ZeroDivisionError
    assert [each["status"] for each in van.charges()] == ["refunded"]
    check_books(van, shop)


def test_a_confirmation_that_comes_too_late_leaves_the_file_free(
    tmp_path: Path, van: Sandbox
) -> None:
    """Where recovery came first nothing is begun on the merchant's connection, or left so."""
    shop = shop_at(van, tmp_path)
    with (  # noqa: PT012  the block is the subject
        shop.guard() as guard,
        closing(orders_in(shop)) as orders,
        pytest.raises(ConfirmationMissed),
        guard.payment(confirm_within=30, **order_of("A")) as payment,
    ):
        recover(shop, turns=1)
        try:
            payment.confirm(connection=orders)
        finally:
            assert not orders.in_transaction
    check_books(van, shop)


def test_only_a_transaction_of_the_journals_file_is_joined(tmp_path: Path, van: Sandbox) -> None:
    """Another file, no transaction, no durability, no connection at all: refused, nothing moved."""
    shop = shop_at(van, tmp_path)
    with shop.guard() as guard:
        guard.approve(confirm_within=60, **order_of("A"))
        elsewhere = sqlite3.connect(tmp_path / "other.db")
        automatic = sqlite3.connect(shop.journal_path, isolation_level=None)
        careless = sqlite3.connect(shop.journal_path)
        careless.execute("PRAGMA synchronous=OFF")
        for connection in (elsewhere, automatic, careless, sqlite3.connect(":memory:"), "text"):
            with pytest.raises(ConfigurationError):
                guard.confirm("A", connection=connection)
        payment = guard.find("A")
        assert payment is not None
        assert payment.state is State.UNCONFIRMED
        automatic.execute("BEGIN")
        assert guard.confirm("A", connection=automatic)
        automatic.execute("COMMIT")
        payment = guard.find("A")
        assert payment is not None
        assert payment.state is State.APPROVED


ROUNDS: Final = 500


def confirm_all(guard: Guard, numbers: list[str]) -> dict[str, bool]:
    """Confirm each number, one after the other."""
    return {number: guard.confirm(number) for number in numbers}


def test_confirmations_race_with_recovery(tmp_path: Path, van: Sandbox) -> None:
    """Of two connections to one file: confirmed is charged, everything else is refunded once."""
    shop = shop_at(van, tmp_path)
    numbers = [f"N{place:04d}" for place in range(ROUNDS)]
    with shop.guard() as merchant, ThreadPoolExecutor(16) as threads:
        approve = partial(merchant.approve, confirm_within=30)
        list(threads.map(lambda number: approve(**order_of(number)), numbers))
        confirming = threads.submit(confirm_all, merchant, numbers)
        with shop.desk(ahead_seconds=31.0) as desk:
            while not confirming.done():
                asyncio.run(Recovery(desk).run_once(limit=5))
        confirmed = confirming.result()
    recover(shop)
    charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    assert {number: status == "live" for number, status in charges.items()} == confirmed
    assert max(cancels_of(van).values(), default=1) == 1
    check_books(van, shop)
