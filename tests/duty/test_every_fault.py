"""Every fault of the sandbox, at every endpoint that it can hit, through both guards."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from netcancel import Approved, Cancelled, Declined, InDoubt, NetCancelled, State
from netcancel.demo.books import Fault, close_books
from netcancel.sandbox import Sandbox
from netcancel.sandbox.faults import CATALOGUE
from tests.duty.books import by_number, check_books
from tests.duty.shop import Shop, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel import AsyncGuard, Guard, Outcome
    from netcancel.sandbox.gateway import Reaction, Received

ENDPOINTS: Final = ("approval", "net-cancel")
"""A cancel has no caller yet."""

MEMORIES: Final = ("tombstone", "code", "forgetful")

SILENT: Final = frozenset(
    (
        "silence",
        "commit-then-silence",
        "late-answer",
        "slow-drip",
        "processing-delayed",
        "processed-twice",
        "net-cancel-answer-lost",
        "net-cancel-silence",
    )
)
"""Faults whose answer never comes in time. One that isn't named here only makes the test slow."""

SILENCE_SECONDS: Final = 1.5
"""Time-out for these; all of an endpoint are waited for at the same time."""

MORE: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("processing-delayed", {"until": "net-cancel", "loss": "reset"}),
    ("processing-delayed", {"until": "seconds", "loss": "close", "seconds": 0.1}),
    ("processed-twice", {"until": "net-cancel", "loss": "close"}),
    ("processed-twice", {"until": "seconds", "loss": "reset", "seconds": 0.1}),
    ("wrong-amount", {"amount_delta": -1}),
    ("wrong-echo", {"field": "tid"}),
    ("redirect", {"status": 303}),
    ("client-error", {"status": 404}),
    ("unlisted-code", {"code": Sandbox.number_used_code}),
    ("unlisted-code", {"code": "5831"}),  # the end of 8035 and the beginning of 8311
)
"""Options that make other cases of a fault of the approval."""


class Trader:
    """Approves with one fault injected after the other, through one kind of guard."""

    def __init__(self, van: Sandbox, shop: Shop) -> None:
        self._van = van
        self._quick = shop.with_policy(timeout_seconds=SILENCE_SECONDS)
        self._patient = shop
        self.told: dict[str, Outcome] = {}

    def trade(self, kind: str) -> None:
        """Approve every case; what the caller is told is kept."""
        if kind == "Guard":
            with self._quick.guard() as quick, self._patient.guard() as patient:
                for numbers in self._silent_cases():
                    with ThreadPoolExecutor(len(numbers)) as threads:
                        list(threads.map(partial(self._approve, quick), numbers))
                for number in self._other_cases():
                    self._approve(patient, number)
        else:
            asyncio.run(self._trade_async())

    async def _trade_async(self) -> None:
        async with self._quick.async_guard() as quick, self._patient.async_guard() as patient:
            for numbers in self._silent_cases():
                await asyncio.gather(*(self._approve_async(quick, number) for number in numbers))
            for number in self._other_cases():
                await self._approve_async(patient, number)

    def trade_plainly(self, kind: str, numbers: list[str]) -> None:
        """Approve some numbers with whatever faults are injected already."""
        if kind == "Guard":
            with self._patient.guard() as guard:
                for number in numbers:
                    self._approve(guard, number)
        else:
            asyncio.run(self._trade_plainly_async(numbers))

    async def _trade_plainly_async(self, numbers: list[str]) -> None:
        async with self._patient.async_guard() as guard:
            for number in numbers:
                await self._approve_async(guard, number)

    def _approve(self, guard: Guard, number: str) -> None:
        self._keep(number, guard.approve(**order_of(number)))

    async def _approve_async(self, guard: AsyncGuard, number: str) -> None:
        self._keep(number, await guard.approve(**order_of(number)))

    def _silent_cases(self) -> Iterator[list[str]]:
        """Inject all faults of an endpoint that never answer; give a number for each."""
        for endpoint in ENDPOINTS:
            names = [each.name for each in CATALOGUE if endpoint in each.endpoints]
            silent = [name for name in names if name in SILENT]
            if endpoint == "net-cancel":
                self._van.inject("commit-then-reset", times=len(silent))
            for name in silent:
                self._van.inject(name, endpoint=endpoint)
            yield [f"silent-{endpoint}-{place}" for place in range(len(silent))]

    def _other_cases(self) -> Iterator[str]:
        """Inject every other fault, one after the other; give its number."""
        for fault in CATALOGUE:
            for endpoint in ENDPOINTS:
                if endpoint in fault.endpoints and fault.name not in SILENT:
                    yield self._case(fault.name, endpoint, {})
        for name, options in MORE:
            yield self._case(name, "approval", options)
        for turn in range(3):
            yield f"unspoilt-{turn}"

    def _case(self, name: str, endpoint: str, options: dict[str, Any]) -> str:
        if endpoint == "net-cancel":
            self._van.inject("commit-then-reset")
        self._van.inject(name, endpoint=endpoint, **options)
        words = [name, endpoint[0], *(str(value) for value in options.values())]
        return "-".join(words)[:40]

    def _keep(self, number: str, outcome: Outcome) -> None:
        self.told[number] = outcome
        assert isinstance(outcome, expected(number)), number
        if not isinstance(outcome, Approved | Declined):
            # A living owner sends the first net-cancel itself, in the same call (I6); a cancel
            # has a number of its own.
            sent = [each["endpoint"] for each in by_number(self._van.requests())[number]]
            voids = [] if number.startswith("wrong-amount") else ["net-cancel"]
            assert sent == ["approval", *voids], number


def expected(number: str) -> tuple[type[Outcome], ...]:
    """Say what a caller must be told: only a proof decides (I8)."""
    if number.startswith("unspoilt"):
        return (Approved,)
    if number == "decline-a":
        return (Declined,)
    if number.startswith("wrong-amount"):
        return (Cancelled,)
    # The fault took the net-cancel's answer: whether it was understood is the fault's nature.
    return (NetCancelled, InDoubt)


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_every_fault_ends_in_balanced_books(tmp_path: Path, memory: str, kind: str) -> None:
    """Whatever becomes of an answer, the payment closes as the ledger says, and callers hear so."""
    codes = frozenset({Sandbox.nothing_to_void_code} if memory == "code" else ())
    with Sandbox(net_cancel_memory=memory) as van:
        shop = Shop.at(van, tmp_path, nothing_to_void_codes=codes)
        trader = Trader(van, shop)
        trader.trade(kind)
        told = trader.told
        van.wait_until_idle()
        hit = {(each["fault"], each["endpoint"]) for each in van.requests()}
        for fault in CATALOGUE:
            assert {(fault.name, place) for place in ENDPOINTS if place in fault.endpoints} <= hit
        assert {name for name, _ in hit} >= set(van.fault_names())
        shop.recover_until_closed()
        check_books(van, shop, told)
        assert {p.state for p in shop.payments()} == {
            State.APPROVED,
            State.DECLINED,
            State.CANCELLED,
            State.NET_CANCELLED,
        }


@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_the_intent_is_durable_before_the_approval_arrives(
    van: Sandbox, shop: Shop, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """When a request arrives, another connection to the journal's file sees its payment (I4)."""
    gateway = van._world.gateway
    receive = gateway.receive
    seen: list[tuple[str, tuple[str] | None]] = []

    def look_then_receive(request: Received) -> Reaction:
        number = json.loads(request.body)["mercTrxNo"]
        with closing(sqlite3.connect(shop.journal_path)) as connection:
            found = connection.execute("SELECT state FROM payment WHERE merc_trx_no = ?", (number,))
            seen.append((request.target.rpartition("/")[2], found.fetchone()))
        return receive(request)

    monkeypatch.setattr(gateway, "receive", look_then_receive)
    van.inject("commit-then-reset", times=3)
    trader = Trader(van, shop)
    trader.trade_plainly(kind, [f"ORD_{place}" for place in range(3)])
    assert seen == [("reqAprv", ("approving",)), ("reqRtran", ("net_cancelling",))] * 3
    shop.recover_until_closed()
    check_books(van, shop, trader.told)


def test_without_settle_time_the_first_acknowledgement_closes(van: Sandbox, shop: Shop) -> None:
    """With settle time 0 a net-cancel that is acknowledged closes the payment in the same call."""
    shop = shop.with_policy(settle_seconds=0.0)
    with shop.guard() as guard:
        told = {}
        for place, fault in enumerate(["commit-then-reset", "reset", "html"]):
            van.inject(fault)
            told[f"ORD_{place}"] = guard.approve(**order_of(f"ORD_{place}"))
        assert {outcome.state for outcome in told.values()} == {State.NET_CANCELLED}
        assert guard.recover().claimed == 0
    check_books(van, shop, told)


def test_without_settle_time_a_forgetful_gateway_can_leave_an_orphan(tmp_path: Path) -> None:
    """What the settle time is for: without it an approval that lands late stays, and it shows."""
    late: dict[str, Any] = {"until": "net-cancel", "loss": "reset"}
    with Sandbox(net_cancel_memory="forgetful") as van:
        shop = Shop.at(van, tmp_path, settle_seconds=0.0)
        van.inject("processing-delayed", **late)
        with shop.guard() as guard:
            outcome = guard.approve(**order_of("ORD_1"))
        assert isinstance(outcome, NetCancelled)
        [problem] = close_books(van.charges(), shop.payments()).problems
        assert problem.fault is Fault.ORPHAN
