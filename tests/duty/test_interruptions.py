"""Cancelled tasks, closed loops, Ctrl-C, bugs, exits and forks: no payment is forgotten."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import itertools
import json
import multiprocessing
import signal
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import Approved
from tests.canaries import leaks_in
from tests.duty import parts
from tests.duty.books import check_books
from tests.duty.lock import Lock, when_it_arrives
from tests.duty.shop import order_of
from tests.duty.test_kill import FATES, LEAST_EFFECTS, spoil
from tests.house.tree import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel import AsyncGuard, Guard, Outcome
    from netcancel.core.effects import Effect
    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Nursery
    from tests.duty.shop import Shop

SIDES = ("before", "during", "after")


class Interfering:
    """A guard's performer with something done to one of its effects."""

    def __init__(self, guard: AsyncGuard | Guard, interfere: Callable[[], object]) -> None:
        self._inner: Any = guard._perform
        self._interfere = interfere
        self.at: tuple[int, str] = (0, "")
        self.count = 0
        vars(guard)["_perform"] = self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def aim(self, effect: int, side: str) -> None:
        """Interfere with this effect, counted from now."""
        self.at, self.count = (effect, side), 0

    @property
    def has_hit(self) -> bool:
        """Whether so many effects were performed."""
        return self.count >= self.at[0]


class Awaiting(Interfering):
    """The performer of an `AsyncGuard`."""

    async def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        self.count += 1
        if self.at == (self.count, "before"):
            self._interfere()
        if self.at == (self.count, "during"):
            asyncio.get_running_loop().call_soon(self._interfere)
        answer = await self._inner(effect)
        if self.at == (self.count, "after"):
            self._interfere()
        return answer


class Blocking(Interfering):
    """The performer of a `Guard`."""

    def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        self.count += 1
        if self.at == (self.count, "before"):
            self._interfere()
        answer = self._inner(effect)
        if self.at == (self.count, "after"):
            self._interfere()
        return answer


def every_effect(sides: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Count effects without end, each with its sides."""
    for effect in itertools.count(1):
        for side in sides:
            yield effect, side


def check_handed_over(shop: Shop) -> None:
    """Check that nobody holds a payment any more: recovery need not wait for a lease."""
    assert [p.history for p in shop.payments() if p.is_held] == []


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("fate", FATES)
def test_a_task_is_cancelled_at_any_effect(van: Sandbox, shop: Shop, fate: str, times: int) -> None:
    """Wherever a task is cancelled, its payment is handed over at once and closes."""

    async def main() -> dict[str, Outcome]:
        told: dict[str, Outcome] = {}
        async with shop.async_guard() as guard:
            perform = Awaiting(guard, lambda: [task.cancel() for _ in range(times)])
            for effect, side in every_effect(SIDES):
                spoil(van, fate)
                number = f"{effect}-{side}"
                perform.aim(effect, side)
                task = asyncio.create_task(guard.approve(**order_of(number)))
                [result] = await asyncio.gather(task, return_exceptions=True)
                if not isinstance(result, BaseException):
                    told[number] = result
                assert isinstance(result, asyncio.CancelledError) == perform.has_hit or (
                    # The loop may come too late to cancel what needs no waiting any more.
                    side == "during"
                )
                if not perform.has_hit:
                    assert effect > LEAST_EFFECTS
                    return told
        raise AssertionError

    told = asyncio.run(main())
    van.clear_faults()
    check_handed_over(shop)
    shop.recover_until_closed()
    check_books(van, shop, told)


SILENT_PHASES: dict[str, tuple[int, list[tuple[str, dict[str, Any]]]]] = {
    "approval, charged": (1, [("commit-then-silence", {})]),
    "approval, not charged": (1, [("silence", {})]),
    "approval, answer begun": (1, [("slow-drip", {"interval_seconds": 5.0})]),
    "net-cancel": (2, [("commit-then-reset", {}), ("net-cancel-answer-lost", {})]),
}
"""How many requests have arrived when an answer is waited for, and the faults that make it so."""


def wait_in(van: Sandbox, phase: str) -> int:
    """Make the next payment wait for an answer; return how many requests have arrived then."""
    requests, faults = SILENT_PHASES[phase]
    for name, options in faults:
        van.inject(name, **options)
    return requests


@pytest.mark.parametrize("phase", SILENT_PHASES)
def test_a_task_is_timed_out_while_it_waits_for_an_answer(
    van: Sandbox, shop: Shop, phase: str
) -> None:
    """An `asyncio.timeout` around `approve` hands the payment over while its request is out."""
    requests = wait_in(van, phase)

    async def main() -> None:
        async with shop.async_guard() as guard:
            with pytest.raises(TimeoutError):
                await approve_patiently(guard)

    async def approve_patiently(guard: AsyncGuard) -> None:
        async with asyncio.timeout(None) as patience, asyncio.TaskGroup() as tasks:
            tasks.create_task(expire(patience))
            await guard.approve(**order_of("ORD_1"))

    async def expire(patience: asyncio.Timeout) -> None:
        await asyncio.to_thread(van.wait_for_requests, requests)
        patience.reschedule(0.0)

    asyncio.run(main())
    check_handed_over(shop)
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("phase", SILENT_PHASES)
def test_a_loop_is_closed_while_a_task_waits_for_an_answer(
    van: Sandbox, shop: Shop, phase: str
) -> None:
    """A loop that is stopped and closed under a pending `approve` still hands its payment over."""
    requests = wait_in(van, phase)
    guard = shop.async_guard()
    loop = asyncio.new_event_loop()
    task = loop.create_task(guard.approve(**order_of("ORD_1")))

    async def stop() -> None:
        await asyncio.to_thread(van.wait_for_requests, requests)
        loop.stop()

    stopping = loop.create_task(stop())
    loop.run_forever()
    loop.close()
    del task, stopping
    gc.collect()
    asyncio.run(guard.aclose())
    check_handed_over(shop)
    shop.recover_until_closed()
    check_books(van, shop)


def test_tasks_that_nobody_awaits_are_handed_over(van: Sandbox, shop: Shop) -> None:
    """`asyncio.run` ends with tasks in flight; a coroutine that never ran leaves no trace."""
    van.inject("commit-then-silence", times=5)
    guard = shop.async_guard()
    tasks = []

    async def main() -> None:
        for place in range(5):
            approving = guard.approve(**order_of(f"ORD_{place}"))
            tasks.append(asyncio.create_task(approving))
        guard.approve(**order_of("NEVER_RUN")).close()
        await asyncio.to_thread(van.wait_for_requests, 5)

    asyncio.run(main())
    asyncio.run(guard.aclose())
    assert {payment.merc_trx_no for payment in shop.payments()} == {f"ORD_{n}" for n in range(5)}
    check_handed_over(shop)
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("fate", FATES)
def test_a_bug_at_any_effect_hands_the_payment_over(van: Sandbox, shop: Shop, fate: str) -> None:
    """An exception of any kind reaches the caller, and its payment is handed over at once."""

    class Bug(Exception):
        pass

    def stumble() -> None:
        raise Bug

    told: dict[str, Outcome] = {}
    with shop.guard() as guard:
        perform = Blocking(guard, stumble)
        for effect, side in every_effect(("before", "after")):
            spoil(van, fate)
            number = f"{effect}-{side}"
            perform.aim(effect, side)
            try:
                told[number] = guard.approve(**order_of(number))
            except Bug:
                continue
            break
    assert effect > LEAST_EFFECTS
    van.clear_faults()
    check_handed_over(shop)
    shop.recover_until_closed()
    check_books(van, shop, told)


@pytest.mark.parametrize("phase", SILENT_PHASES)
def test_an_exception_is_thrown_into_a_thread(van: Sandbox, shop: Shop, phase: str) -> None:
    """An exception put into a thread that waits for an answer leaves its payment owed."""
    requests = wait_in(van, phase)
    raised: list[BaseException] = []

    def approve() -> None:
        try:
            guard.approve(**order_of("ORD_1"))
        except KeyError as error:
            raised.append(error)

    # A blocked system call is not interrupted: the exception comes with the time-out.
    with shop.with_policy(timeout_seconds=1.0).guard() as guard:
        thread = threading.Thread(target=approve)
        thread.start()
        van.wait_for_requests(requests)
        identifier = ctypes.c_ulong(thread.ident or 0)
        assert ctypes.pythonapi.PyThreadState_SetAsyncExc(identifier, ctypes.py_object(KeyError))
        thread.join()
    assert len(raised) == 1
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
@pytest.mark.parametrize("phase", SILENT_PHASES)
def test_ctrl_c_while_waiting_for_an_answer(
    van: Sandbox, shop: Shop, nursery: Nursery, phase: str, times: int
) -> None:
    """Ctrl-C goes through `approve` at once, and the payment is handed over."""
    requests = wait_in(van, phase)
    child = nursery.start("approve_until_interrupted", shop=shop.as_words(), number="ORD_1")
    parts.go_file(shop, "ready").touch()
    van.wait_for_requests(requests)
    for _ in range(times):
        child.kill(signal.SIGINT)
    said = child.end()
    assert said[-1] == "KeyboardInterrupt" or (times == 2 and child.ended_by != 0)
    if times == 1:
        check_handed_over(shop)
    shop.recover_until_closed()
    check_books(van, shop)


def test_ctrl_c_while_waiting_to_write_the_intent(
    van: Sandbox, shop: Shop, nursery: Nursery
) -> None:
    """Ctrl-C before the intent is durable: nothing was sent, and nothing is ever charged."""
    child = nursery.start("approve_until_interrupted", shop=shop.as_words(), number="ORD_1")
    child.hear_until("ready")
    with Lock(shop) as lock:
        parts.go_file(shop, "ready").touch()
        child.hear_until("Open")
        child.kill(signal.SIGINT)
        child.hear_until("KeyboardInterrupt")
        lock.release()
        assert child.end() == []
    check_handed_over(shop)
    assert "approval" not in {each["endpoint"] for each in van.requests()}
    shop.recover_until_closed()
    check_books(van, shop)
    assert van.charges() == []


@pytest.mark.parametrize("fault", [None, "commit-then-reset", "decline"])
def test_ctrl_c_while_waiting_to_write_the_verdict(
    van: Sandbox,
    shop: Shop,
    nursery: Nursery,
    monkeypatch: pytest.MonkeyPatch,
    fault: str | None,
) -> None:
    """Ctrl-C while the verdict is being written: it is in the journal, or the payment is void."""
    if fault:
        van.inject(fault)
    child = nursery.start("approve_until_interrupted", shop=shop.as_words(), number="ORD_1")
    child.hear_until("ready")
    with Lock(shop, is_held=False) as lock:
        when_it_arrives(van, monkeypatch, lock.take)
        parts.go_file(shop, "ready").touch()
        child.hear_until("Write")
        child.kill(signal.SIGINT)
        child.hear_until("KeyboardInterrupt")
        lock.release()
        assert child.end() == []
    check_handed_over(shop)
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("how", ["falls off the end", "exits", "in a daemon thread", "async"])
def test_the_interpreter_ends_without_closing_the_guard(van: Sandbox, shop: Shop, how: str) -> None:
    """A program that just ends does so at once and in peace; what it owes is in the journal."""
    van.inject("commit-then-silence" if how == "in a daemon thread" else "commit-then-reset")
    words = json.dumps({"shop": shop.as_words(), "how": how})
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.duty.leaving"],
        cwd=ROOT,
        input=words,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (ended.returncode, leaks_in(ended.stdout + ended.stderr)) == (0, []), ended.stderr
    assert ended.stderr == ""
    assert len(shop.payments()) == 1
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_a_guard_is_used_on_both_sides_of_a_fork(
    van: Sandbox, shop: Shop, nursery: Nursery, kind: str
) -> None:
    """A guard that was used before a fork works in parent and child, each with its recovery."""
    shop = shop.with_policy(timeout_seconds=2.0, settle_seconds=0.1)
    child = nursery.start("fork_a_used_guard", shop=shop.as_words(), kind=kind)
    told = {}
    for side, fault in (("before", None), ("parent", None), ("child", "commit-then-reset")):
        assert child.hear() == f"next: {side}"
        if fault:
            van.inject(fault)
        # A file in the journal's directory: the word to go on reaches whichever side waits.
        parts.go_file(shop, side).touch()
        told[side] = child.hear()
    assert told == {"before": "Approved", "parent": "Approved", "child": "NetCancelled"}
    assert child.hear() == "recovered by the child: net_cancelled"
    child.end()
    assert child.ended_by == 0
    check_books(van, shop)


def test_a_spawned_process_opens_its_own_guard(van: Sandbox, shop: Shop) -> None:
    """Processes that are spawned share the journal by its URL, while a guard here is in use."""
    with shop.guard() as guard:
        first = guard.approve(**order_of("parent"))
        spawned = multiprocessing.get_context("spawn").Process(
            target=parts.approve_in_silence, args=(shop.as_words(), "spawned")
        )
        spawned.start()
        spawned.join(30)
        assert spawned.exitcode == 0
        again = guard.approve(**order_of("spawned"))
    assert isinstance(first, Approved)
    assert isinstance(again, Approved)
    check_books(van, shop, {"parent": first, "spawned": again})
