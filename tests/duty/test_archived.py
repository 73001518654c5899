"""A number whose payment is archived is used for ever."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from netcancel import Approved, DuplicateTransaction, PaymentNotFound
from netcancel.journal.contract import ArchivePlace
from tests.duty.shop import order_of

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop


def archive_all(shop: Shop) -> None:
    """Have every closed payment leave, as if years had passed."""
    with shop.desk(ahead_seconds=10**8) as desk:
        desk.journal.shred_closed(keep_seconds=0, limit=99).result()
        found = desk.journal.archivable(ArchivePlace(), closed_seconds=0, limit=99).result()
        assert desk.journal.archive(found.payments).result() == len(found.payments) == 1


def test_an_archived_number_is_never_charged_again(van: Sandbox, shop: Shop) -> None:
    """With the same data or other data, it is a duplicate, and nothing is sent."""
    with shop.guard() as guard:
        assert isinstance(guard.approve(**order_of("ORD_1")), Approved)
    archive_all(shop)
    sent = len(van.requests())
    with shop.guard() as guard:
        for data in (order_of("ORD_1"), order_of("ORD_1") | {"trx_amt": 20_000}):
            with pytest.raises(DuplicateTransaction, match="archived"):
                guard.approve(**data)
        with pytest.raises(PaymentNotFound, match="was approved, and is archived"):
            guard.find("ORD_1")
        with pytest.raises(PaymentNotFound):
            guard.cancel("ORD_1")
        assert guard.find("ORD_2") is None
    assert len(van.requests()) == sent


def test_an_awaiting_guard_says_the_same(shop: Shop) -> None:
    """Find tells an archived number from one that was never used."""
    with shop.guard() as guard:
        guard.approve(**order_of("ORD_1"))
    archive_all(shop)

    async def main() -> None:
        async with shop.async_guard() as guard:
            with pytest.raises(PaymentNotFound, match="archived"):
                await guard.find("ORD_1")
            assert await guard.find("ORD_2") is None

    asyncio.run(main())
