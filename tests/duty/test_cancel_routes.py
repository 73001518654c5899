"""Every fault of a cancel that nobody asked for: a failed merchant, a missed date, another sum."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import pytest

from netcancel import Approved, State
from netcancel.core.lifecycle import CancelReason
from netcancel.sandbox import Sandbox
from tests.duty.shop import order_of
from tests.duty.test_cancels import FAULTS, MEMORIES, SILENCE_SECONDS, recover, shop_at

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel import AsyncGuard, Guard, Payment

REASONS: Final = {
    "rejected": CancelReason.REJECTED,
    "missed": CancelReason.CONFIRMATION_MISSED,
    "mismatched": CancelReason.AMOUNT_MISMATCH,
}
NUMBERS: Final = tuple(f"N{place:02d}" for place in range(len(FAULTS)))
MISSED_SECONDS: Final = 0.001
"""To confirm in so short a time is to miss it."""

AT_ONCE: Final = 8
"""Silences are waited for at the same time; with more, a slow machine could lose other answers."""


class MerchantFails(Exception):
    """What goes wrong in a merchant's own program."""


def reject(guard: Guard, number: str) -> None:
    """Fail after the charge."""
    with suppress(MerchantFails), guard.payment(confirm_within=60, **order_of(number)):
        raise MerchantFails


async def reject_async(guard: AsyncGuard, number: str) -> None:
    """Fail after the charge, awaiting."""
    with suppress(MerchantFails):
        async with guard.payment(confirm_within=60, **order_of(number)):
            raise MerchantFails


def trade(guard: Guard, route: str) -> None:
    """Bring every number to its cancel, several at the same time."""

    def deal(number: str) -> None:
        if route == "rejected":
            reject(guard, number)
        else:
            within = MISSED_SECONDS if route == "missed" else None
            told = guard.approve(**order_of(number), confirm_within=within)
            assert isinstance(told, Approved) == (route == "missed")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(deal, NUMBERS))
    if route == "missed":
        assert guard.recover().claimed == len(NUMBERS)


async def trade_async(guard: AsyncGuard, route: str) -> None:
    """Do the same, awaiting."""
    room = asyncio.Semaphore(AT_ONCE)

    async def deal(number: str) -> None:
        async with room:
            if route == "rejected":
                await reject_async(guard, number)
            else:
                within = MISSED_SECONDS if route == "missed" else None
                told = await guard.approve(**order_of(number), confirm_within=within)
                assert isinstance(told, Approved) == (route == "missed")

    await asyncio.gather(*map(deal, NUMBERS))
    if route == "missed":
        assert (await guard.recover()).claimed == len(NUMBERS)


def check(van: Sandbox, payments: list[Payment], route: str) -> None:
    """Check that each was given back once, or is a person's; and that it was cancelled once."""
    charges = {charge["merc_trx_no"]: charge for charge in van.charges()}
    cancels = [each for each in van.requests() if each["endpoint"] == "cancel"]
    fault_of = {json.loads(each["body"])["cndTrxNo"]: each["fault"] for each in cancels}
    assert len(cancels) == len(fault_of) == len(payments) == len(charges) == len(NUMBERS)
    assert {*fault_of.values()} == {*FAULTS}
    for payment in payments:
        charge = charges[payment.merc_trx_no]
        assert payment.cancel_reason is REASONS[route]
        if payment.state is State.ESCALATED:
            # Whatever code comes that isn't 0000: a person is asked, and looks it up.
            worked = fault_of[charge["van_trx_no"]] == "unlisted-code"
            assert charge["status"] == ("refunded" if worked else "live")
        else:
            assert payment.state in {State.CANCELLED, State.NET_CANCELLED}
            assert charge["status"] in {"refunded", "voided"}
    given_back = [each for each in van.requests() if each["did"] in {"refunded", "voided"}]
    statuses = Counter(charge["status"] for charge in charges.values())
    assert len(given_back) == statuses["refunded"] + statuses["voided"]
    assert statuses["refunded"] > 0
    assert statuses["voided"] > 0


@pytest.mark.parametrize("route", REASONS)
@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_every_fault_of_a_cancel_that_nobody_asked_for(
    tmp_path: Path, memory: str, kind: str, route: str
) -> None:
    """Refunded or voided once, or a person's with the charge standing; a cancel arrives once."""
    with Sandbox(net_cancel_memory=memory) as van:
        shop = shop_at(van, tmp_path, timeout_seconds=SILENCE_SECONDS)
        for name in FAULTS:
            van.inject(name, endpoint="cancel")
        if route == "mismatched":
            van.inject("wrong-amount", times=len(NUMBERS))
        if kind == "Guard":
            with shop.guard() as guard:
                trade(guard, route)
        else:

            async def main() -> None:
                async with shop.async_guard() as guard:
                    await trade_async(guard, route)

            asyncio.run(main())
        recover(shop)
        check(van, shop.payments(), route)
