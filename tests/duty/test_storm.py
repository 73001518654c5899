"""A gateway that is away, and one that comes back to a long queue."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from campaigns.dead_gateway import dead
from netcancel import State
from netcancel.core.lifecycle import Event
from netcancel.core.payment import Change, Opened
from netcancel.recovery import Recovery
from netcancel.storm import SILENCES_TO_OPEN
from tests.duty.books import check_books

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from netcancel.desk import Desk
    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop


def owe_many(shop: Shop, desk: Desk, count: int) -> None:
    """Write payments whose answers were lost, due now, without any gateway."""
    futures = []
    for place in range(count):
        order = shop.order(f"ORD_{place:05d}", desk, f"owner{place}")
        opened = desk.journal.open_new(order.intent).result()
        assert isinstance(opened, Opened)
        owed = Change(due_seconds=0.0, begins_debt=True)
        futures.append(
            desk.journal.move_if_unchanged(opened.payment, Event.ANSWER_LOST, "owner", owed)
        )
    for future in futures:
        assert future.result() is not None


def test_a_gateway_that_is_away_is_probed_and_not_asked_by_everybody(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    """A pass ends when it is plain that nobody answers; the rest keeps its first attempt."""
    shop = shop.with_policy(
        recovery_in_flight=4,
        recovery_per_second=100_000.0,
        first_retry_seconds=3_600.0,
        retry_ceiling_seconds=3_600.0,
    )
    count = 200
    with dead() as gateway:
        shop = replace(shop, base_url=gateway.base_url)
        with shop.desk() as desk:
            owe_many(shop, desk, count)
            report = asyncio.run(Recovery(desk).run_once(limit=count))
            untried = [p for p in desk.journal.list_payments().result() if p.attempts == 0]
        assert SILENCES_TO_OPEN <= report.claimed <= SILENCES_TO_OPEN + 8
        assert gateway.connections == report.claimed
        assert len(untried) == count - report.claimed
    alarms = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert ["the gateway gives no answer" in alarm.getMessage() for alarm in alarms] == [True]


def test_an_approvals_own_first_net_cancel_is_never_stopped(van: Sandbox, shop: Shop) -> None:
    """While recovery waits, a living owner still voids what it lost, at once."""
    with dead() as gateway, replace(shop, base_url=gateway.base_url).desk() as desk:
        owe_many(shop, desk, 20)
        recovery = Recovery(desk)
        asyncio.run(recovery.run_once())
        assert recovery.vitals.is_gateway_away
    van.inject("commit-then-reset")
    with shop.guard() as guard:
        outcome = guard.approve(
            merc_trx_no="ORD_NEW", token_key="TOKEN_NEW", trx_amt=1_000, vat_amt=0
        )
    assert outcome.state is State.SETTLING


def test_it_drains_when_the_gateway_is_back(van: Sandbox, shop: Shop) -> None:
    """One probe that is answered, whatever it says, and everything goes on by itself."""
    shop = shop.with_policy(settle_seconds=0.0)
    with dead() as gateway:
        away = replace(shop, base_url=gateway.base_url)
        with away.desk() as desk:
            owe_many(away, desk, 60)

            async def outlive() -> None:
                recovery, stop = Recovery(desk), asyncio.Event()
                running = asyncio.create_task(recovery.run(stop))
                await until(lambda: recovery.vitals.is_gateway_away)
                await asyncio.to_thread(gateway.close)
                bridge = await asyncio.start_server(to_sandbox, "127.0.0.1", gateway.port)
                await until(lambda: open_payments(desk) == 0)
                stop.set()
                await running
                bridge.close()
                assert not recovery.vitals.is_gateway_away

            async def to_sandbox(
                reader: asyncio.StreamReader, writer: asyncio.StreamWriter
            ) -> None:
                host, _, number = van.base_url.removeprefix("http://").partition(":")
                there = await asyncio.open_connection(host, int(number))
                await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

            asyncio.run(outlive())
    assert len(van.requests()) >= 60
    check_books(van, away)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def until(holds: Callable[[], bool]) -> None:
    """Look until something holds; the test's own deadline bounds it."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.01)


def open_payments(desk: Desk) -> int:
    """Count what is still owed."""
    summary = desk.journal.summary(worlds=desk.all_worlds).result()
    return sum(n for state, n in summary.by_state.items() if not state.is_final)
