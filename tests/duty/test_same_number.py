"""Many callers of one number at once: one approval reaches the gateway, all are told the same."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import DuplicateTransaction
from tests.duty import parts
from tests.duty.books import check_books
from tests.duty.shop import order_of

if TYPE_CHECKING:
    from netcancel import Outcome
    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Nursery
    from tests.duty.shop import Shop

CALLERS = 16

FATES: dict[str, tuple[list[tuple[str, dict[str, Any]]], str]] = {
    "approved": ([], "Approved"),
    "declined": ([("decline", {})], "Declined"),
    "lost": ([("commit-then-reset", {})], "NetCancelled"),
    "lost before it was worked": ([("reset", {})], "NetCancelled"),
    "answered late": (
        # Time for everybody to come while the first one waits.
        [("late-answer", {"seconds": 0.5})],
        "Approved",
    ),
    "another amount": ([("wrong-amount", {})], "Cancelled"),
}


@pytest.fixture(params=FATES)
def fate(request: pytest.FixtureRequest, van: Sandbox) -> str:
    """Inject the faults of a fate; give the outcome that everybody must be told."""
    faults, outcome = FATES[request.param]
    for name, options in faults:
        van.inject(name, **options)
    return outcome


def check_one_approval(van: Sandbox, shop: Shop) -> None:
    """Check that one approval arrived, then recover and close the books."""
    endpoints = [request["endpoint"] for request in van.requests()]
    assert endpoints.count("approval") == 1
    assert endpoints.count("net-cancel") <= 1
    shop.recover_until_closed()
    check_books(van, shop)


def test_processes(van: Sandbox, shop: Shop, nursery: Nursery, fate: str) -> None:
    """16 processes with one journal send one approval and are all told what became of it."""
    children = [
        nursery.start("approve_at_once", shop=shop.as_words(), number="ORD_1")
        for _ in range(CALLERS)
    ]
    for child in children:
        child.hear_until("ready")
    parts.go_file(shop, "ready").touch()
    assert [child.end() for child in children] == [[fate]] * CALLERS
    check_one_approval(van, shop)


def test_threads(van: Sandbox, shop: Shop, fate: str) -> None:
    """16 threads with one guard send one approval and are all told what became of it."""
    with shop.guard() as guard, ThreadPoolExecutor(CALLERS) as threads:
        futures = [threads.submit(guard.approve, **order_of("ORD_1")) for _ in range(CALLERS)]
        told = [future.result() for future in futures]
    assert [type(outcome).__name__ for outcome in told] == [fate] * CALLERS
    check_one_approval(van, shop)


def test_tasks(van: Sandbox, shop: Shop, fate: str) -> None:
    """16 tasks with one guard send one approval and are all told what became of it."""

    async def main() -> list[Outcome]:
        async with shop.async_guard() as guard:
            return await asyncio.gather(
                *(guard.approve(**order_of("ORD_1")) for _ in range(CALLERS))
            )

    told = asyncio.run(main())
    assert [type(outcome).__name__ for outcome in told] == [fate] * CALLERS
    check_one_approval(van, shop)


OTHER_DATA: list[dict[str, Any]] = [
    {"trx_amt": 10_001},
    {"vat_amt": 910},
    {"svc_amt": 1},
    {"tax_free_amt": 0},
    {"alot_month": "03"},
    {"user_data": "table 7"},
    {"token_key": "another token"[:7]},
]


@pytest.mark.parametrize("fault", [None, "decline", "commit-then-reset"])
def test_other_data_is_refused(van: Sandbox, shop: Shop, fault: str | None) -> None:
    """A number that was used is refused with other data, whatever became of it; none is sent."""
    if fault:
        van.inject(fault)
    with shop.guard() as guard:
        first = guard.approve(**order_of("ORD_1"))
        sent = len(van.requests())
        for other in OTHER_DATA:
            with pytest.raises(DuplicateTransaction):
                guard.approve(**order_of("ORD_1") | other)
        assert guard.approve(**order_of("ORD_1")) == first
        assert len(van.requests()) == sent
    check_one_approval(van, shop)
