"""Recovery on one journal: its reports, its pace, its colleagues, its end and its bounds."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import ConfigurationError, InDoubt, NetCancelled, State
from netcancel.core.effects import Effect, Exchange
from netcancel.core.lifecycle import Event
from netcancel.desk import world_of
from netcancel.recovery import Recovery
from netcancel.sandbox import Sandbox
from netcancel.wire import Gateway
from tests.duty.books import by_number, check_books
from tests.duty.lock import Lock
from tests.duty.shop import ENVIRONMENT, Shop, order_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from netcancel.core.payment import Claim
    from netcancel.desk import Desk
    from netcancel.journal import Journal
    from netcancel.recovery import Report
    from tests.duty.nursery import Nursery

AHEAD_SECONDS = 3_600.0
"""A clock so far ahead finds every lease and every settle time over."""

DEADLINE_SECONDS = 30.0


def owe(van: Sandbox, shop: Shop, count: int) -> None:
    """Make payments that were charged, and whose first net-cancel was not acknowledged."""
    van.inject("commit-then-reset", times=count)
    van.inject("reset", times=count, endpoint="net-cancel")
    with shop.guard() as guard:
        for place in range(count):
            assert isinstance(guard.approve(**order_of(f"ORD_{place:03d}")), InDoubt)


def run_once(desk: Desk, limit: int = 500) -> Report:
    """Make one pass."""
    return asyncio.run(Recovery(desk).run_once(limit))


class Watch:
    """A worker's performer that knows what is being sent, and for whom."""

    def __init__(self, recovery: Recovery) -> None:
        self._inner: Any = recovery._perform
        self.now: list[str] = []
        self.most = 0
        self.overlaps: list[str] = []
        vars(recovery)["_perform"] = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        if not isinstance(effect, Exchange):
            return await self._inner(effect)
        number = json.loads(effect.signed.body)["mercTrxNo"]
        if number in self.now:
            self.overlaps.append(number)
        self.now.append(number)
        self.most = max(self.most, len(self.now))
        try:
            return await self._inner(effect)
        finally:
            self.now.remove(number)


def test_a_pass_is_limited_and_reports(van: Sandbox, shop: Shop) -> None:
    """`run_once` claims at most its limit, and says in which states it left what it claimed."""
    owe(van, shop, 10)
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:
        for limit, claimed in [(1, 1), (4, 4), (500, 5), (500, 0)]:
            report = run_once(desk, limit)
            assert report.claimed == claimed
            assert report.left_in == ({State.NET_CANCELLED: claimed} if claimed else {})
    check_books(van, shop)


@pytest.mark.parametrize("limit", [0, -1])
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_a_pass_for_nothing_is_refused(shop: Shop, kind: str, limit: int) -> None:
    """`recover` with a limit below 1 says so, and does not run for ever."""

    async def recover() -> None:
        async with shop.async_guard() as guard:
            await guard.recover(limit)

    if kind == "AsyncGuard":
        with pytest.raises(ConfigurationError, match="at least 1"):
            asyncio.run(recover())
    else:
        with shop.guard() as guard, pytest.raises(ConfigurationError, match="at least 1"):
            guard.recover(limit)


def test_a_report_tells_early_late_and_refused_apart(van: Sandbox, shop: Shop) -> None:
    """Before the settle time payments are left settling, refused ones net-cancelling."""
    shop = shop.with_policy(settle_seconds=4 * AHEAD_SECONDS)
    owe(van, shop, 5)
    van.inject("net-cancel-refused", times=2)
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:
        assert run_once(desk).left_in == {State.SETTLING: 3, State.NET_CANCELLING: 2}
    shop.recover_until_closed()
    check_books(van, shop)


def test_a_guards_own_pass_runs_inside_a_loops_thread(van: Sandbox, shop: Shop) -> None:
    """`guard.recover()` may be called from a thread whose event loop is running."""
    shop = shop.with_policy(first_retry_seconds=1e-6, retry_ceiling_seconds=1e-6)
    owe(van, shop, 3)

    async def main() -> None:
        with shop.guard() as guard:
            report = guard.recover()
            assert (report.claimed, report.left_in) == (3, {State.SETTLING: 3})

    asyncio.run(main())
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("in_flight", [1, 3])
def test_no_more_are_in_flight_than_allowed(van: Sandbox, shop: Shop, in_flight: int) -> None:
    """However many are due, only so many net-cancels are out at the same time."""
    owe(van, shop, 8)
    shop = shop.with_policy(recovery_in_flight=in_flight)
    van.inject("late-answer", times=8, endpoint="net-cancel", seconds=0.05)
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:

        async def main() -> Watch:
            recovery = Recovery(desk)
            watch = Watch(recovery)
            assert (await recovery.run_once()).claimed == 8
            return watch

        assert asyncio.run(main()).most == in_flight
    check_books(van, shop)


def test_recovery_keeps_its_pace(van: Sandbox, shop: Shop) -> None:
    """Claims never come faster than the policy says; a tenth of a second may come at once."""
    owe(van, shop, 30)
    shop = shop.with_policy(recovery_per_second=20.0)
    sent_before = len(van.requests())
    begun = time.monotonic()
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:
        assert run_once(desk).claimed == 30
    arrived = [request["monotonic"] for request in van.requests()[sent_before:]]
    assert len(arrived) == 30
    for place, at in enumerate(arrived):
        # Slowness of the machine only adds to what has passed.
        assert at - begun >= (place + 1 - 20.0 * 0.1) / 20.0
    check_books(van, shop)


def test_workers_never_share_a_payment(van: Sandbox, shop: Shop) -> None:
    """Four workers on one journal send each payment's net-cancel once, and none overlaps."""
    count = 40
    owe(van, shop, count)
    sent_before = len(van.requests())
    van.inject("late-answer", times=count, endpoint="net-cancel", seconds=0.02)
    with ExitStack() as desks, ThreadPoolExecutor(4) as threads:
        ours = [desks.enter_context(shop.desk(ahead_seconds=AHEAD_SECONDS)) for _ in range(4)]
        reports = list(threads.map(run_once, ours))
    assert sum(report.claimed for report in reports) == count
    numbers = by_number(van.requests()[sent_before:])
    assert [len(of_number) for of_number in numbers.values()] == [1] * count
    check_books(van, shop)


def test_one_worker_never_sends_a_payment_twice_at_once(van: Sandbox, shop: Shop) -> None:
    """While a net-cancel is out, further passes of the same worker leave its payment alone."""
    owe(van, shop, 3)
    van.inject("late-answer", times=3, endpoint="net-cancel", seconds=0.5)
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:

        async def main() -> Watch:
            recovery = Recovery(desk)
            watch = Watch(recovery)
            reports = await asyncio.gather(recovery.run_once(), recovery.run_once())
            assert sum(report.claimed for report in reports) == 3
            return watch

        assert asyncio.run(main()).overlaps == []
    check_books(van, shop)


@pytest.mark.parametrize("how", ["told to stop", "cancelled"])
def test_a_worker_that_ends_hands_back_what_it_holds(van: Sandbox, shop: Shop, how: str) -> None:
    """A worker that ends with net-cancels in flight leaves them due at once, for the next one."""
    count = 5
    owe(van, shop, count)
    sent_before = len(van.requests())
    van.inject("net-cancel-silence", times=count)
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:

        async def main() -> None:
            stop = asyncio.Event()
            working = asyncio.create_task(Recovery(desk).run(stop))
            await asyncio.to_thread(van.wait_for_requests, sent_before + count)
            if how == "cancelled":
                working.cancel()
            stop.set()
            await asyncio.gather(working, return_exceptions=True)

        asyncio.run(main())
        held = desk.journal.list_payments().result()
        assert [payment.is_held for payment in held] == [False] * count
        assert run_once(desk).left_in == {State.NET_CANCELLED: count}
    check_books(van, shop)


class Claims:
    """A desk's journal that shows each claim's future to `see` before anybody waits for it."""

    def __init__(self, inner: Journal, see: Callable[[Future[list[Claim]]], object]) -> None:
        self._inner = inner
        self._see = see

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def claim_due(self, **terms: Any) -> Future[list[Claim]]:
        """Claim, and show the claim."""
        future = self._inner.claim_due(**terms)
        self._see(future)
        return future


def watched(desk: Desk, see: Callable[[Future[list[Claim]]], object]) -> Desk:
    """Return a desk whose claims are seen."""
    journal: Any = Claims(desk.journal, see)
    return replace(desk, journal=journal)


def hand_overs(shop: Shop) -> list[str]:
    """Return the last event of each payment."""
    return [payment.history[-1].event for payment in shop.payments()]


def test_what_was_claimed_and_not_begun_is_handed_back(van: Sandbox, shop: Shop) -> None:
    """A worker told to stop while its claim comes back hands over what it never began."""
    count = 5
    owe(van, shop, count)
    arrived = len(van.requests())
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:

        async def main() -> None:
            stop, loop = asyncio.Event(), asyncio.get_running_loop()

            def see(future: Future[list[Claim]]) -> None:
                future.add_done_callback(lambda _: loop.call_soon_threadsafe(stop.set))

            await Recovery(watched(desk, see)).run(stop)

        asyncio.run(main())
        held = desk.journal.list_payments().result()
        assert [(each.state, each.is_held) for each in held] == [
            (State.NET_CANCELLING, False)
        ] * count
        assert len(van.requests()) == arrived
        assert hand_overs(shop) == [Event.OWNER_GAVE_UP] * count
        assert run_once(desk).left_in == {State.NET_CANCELLED: count}
    check_books(van, shop)


def test_a_claim_that_outlives_its_worker_is_handed_back(van: Sandbox, shop: Shop) -> None:
    """A worker cancelled while its claim is being written leaves nothing held."""
    count = 5
    owe(van, shop, count)
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:
        seen: list[Future[list[Claim]]] = []
        recovery = Recovery(watched(desk, seen.append))

        async def main() -> None:
            working = asyncio.create_task(recovery.run(asyncio.Event()))
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not (seen and seen[0].running()):
                assert time.monotonic() < deadline
                await asyncio.sleep(0.005)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)

        # Its session is open before the lock, and the worker has checked in.
        asyncio.run(recovery._attendance.renew())
        with Lock(shop):
            asyncio.run(main())
            assert seen[0].running()
        assert len(seen[0].result(DEADLINE_SECONDS)) == count
        deadline = time.monotonic() + DEADLINE_SECONDS
        while any(payment.is_held for payment in desk.journal.list_payments().result()):
            assert time.monotonic() < deadline
        assert hand_overs(shop) == [Event.OWNER_GAVE_UP] * count
        assert run_once(desk).left_in == {State.NET_CANCELLED: count}
    check_books(van, shop)


def test_a_worker_process_ends_at_sigterm(van: Sandbox, shop: Shop, nursery: Nursery) -> None:
    """SIGTERM ends a worker process in order, and another process carries on at once."""
    owe(van, shop, 3)
    sent_before = len(van.requests())
    van.inject("net-cancel-silence", times=3)
    worker = nursery.start("work", shop=shop.as_words(), ahead_seconds=AHEAD_SECONDS)
    van.wait_for_requests(sent_before + 3)
    worker.kill(signal.SIGTERM)
    worker.end()
    assert worker.ended_by == 0
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:
        assert run_once(desk).left_in == {State.NET_CANCELLED: 3}
    check_books(van, shop)


def look_for_neglected(*desks: Desk) -> None:
    """Let a worker of each look once for what nobody takes."""
    for desk in desks:
        asyncio.run(Recovery(desk)._look_for_neglected())


def test_a_worker_looks_for_what_nobody_takes(
    van: Sandbox, shop: Shop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From time to time, as long as it runs."""
    monkeypatch.setattr("netcancel.recovery.TIDY_SECONDS", 0.01)
    owe(van, shop, 1)
    with shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:
        recovery = Recovery(replace(desk, worlds={"CH_OTHER": "another"}))

        async def outlive() -> None:
            stop = asyncio.Event()
            running = asyncio.create_task(recovery.run(stop))
            while True:
                await asyncio.sleep(0.01)
                if caplog.text.count("of other worlds") >= 2:
                    break
            stop.set()
            await running

        asyncio.run(outlive())


@pytest.mark.parametrize("other", ["environment", "channel", "gateway"])
def test_payments_of_another_world_are_left_alone(
    van: Sandbox, shop: Shop, other: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A worker of another environment, channel or gateway claims nothing, and alarms."""
    owe(van, shop, 3)
    arrived = len(van.requests())
    with Sandbox() as elsewhere, shop.desk(ahead_seconds=AHEAD_SECONDS) as desk:
        worlds = {
            "environment": world_of(desk.gateway, "CH_SANDBOX", "staging"),
            "channel": world_of(desk.gateway, "CH_OTHER", ENVIRONMENT),
            "gateway": world_of(Gateway.parse(elsewhere.base_url), "CH_SANDBOX", ENVIRONMENT),
        }
        assert desk.world() not in worlds.values()
        stranger = replace(desk, worlds={"CH_OTHER": worlds[other]})
        assert run_once(stranger).claimed == 0
        summary = desk.journal.summary(worlds=stranger.all_worlds).result()
        assert summary.of_other_worlds == 3
        look_for_neglected(stranger, desk)
        [alarm] = [each for each in caplog.records if "other worlds" in each.getMessage()]
        assert alarm.getMessage().startswith("3 open payments of other worlds have been due for")
        assert alarm.levelno == logging.ERROR
        assert (len(van.requests()), elsewhere.requests()) == (arrived, [])
        assert run_once(desk).claimed == 3
    check_books(van, shop)


@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_what_is_still_owed_is_said_at_the_end(
    van: Sandbox, shop: Shop, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    """Leaving the `with` block with payments owed logs how many, and names the worker."""
    caplog.set_level(logging.WARNING, logger="netcancel")

    async def leave() -> None:
        async with shop.async_guard():
            pass

    def warnings() -> list[str]:
        return [r.getMessage() for r in caplog.records if r.name == "netcancel"]

    owe(van, shop, 2)
    caplog.clear()
    if kind == "Guard":
        shop.guard().close()
    else:
        asyncio.run(leave())
    [warning] = warnings()
    assert warning.startswith("2 payments")
    assert "netcancel worker" in warning
    shop.recover_until_closed()
    caplog.clear()
    shop.guard().close()
    assert warnings() == []


@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_a_guard_recovers_by_itself(van: Sandbox, shop: Shop, kind: str) -> None:
    """With recovery in its thread and real clocks, a guard closes its payments on its own."""
    shop = shop.with_policy(timeout_seconds=2.0, settle_seconds=0.1)
    van.inject("commit-then-reset")

    async def approve_and_wait() -> None:
        async with shop.async_guard(recovery="thread") as guard:
            assert isinstance(await guard.approve(**order_of("ORD_1")), NetCancelled)
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not (found := await guard.find("ORD_1")) or not found.state.is_final:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.05)

    if kind == "AsyncGuard":
        asyncio.run(approve_and_wait())
    else:
        with shop.guard(recovery="thread") as guard:
            assert isinstance(guard.approve(**order_of("ORD_1")), NetCancelled)
            deadline = time.monotonic() + DEADLINE_SECONDS
            while not (found := guard.find("ORD_1")) or not found.state.is_final:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    assert [request["endpoint"] for request in van.requests()] == [
        "approval",
        "net-cancel",
        "net-cancel",
    ]
    check_books(van, shop)
