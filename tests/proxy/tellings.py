"""What shops were told, against what the gateway's ledger says once everything is closed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from netcancel.recovery import Recovery
from tests.duty.books import check_books
from tests.proxy.conftest import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop as Books
    from tests.proxy.shop import Answer


def close_all(van: Sandbox, books: Books) -> None:
    """Recover until every payment is final, whatever the gateway works late."""

    def is_idle() -> bool:
        with books.desk() as desk:
            asyncio.run(Recovery(desk).run_once())
        return van._world.gateway.pending == 0

    # An approval may lie there until its net-cancel comes, or for a while: it must land before the
    # settle time is over, and that is soon, because recovery's clock runs ahead.
    wait_until(is_idle)
    books.recover_until_closed()


def live_numbers(van: Sandbox) -> set[str]:
    """Return the numbers of which somebody is charged."""
    return {charge["merc_trx_no"] for charge in van.charges() if charge["status"] == "live"}


def check_told(van: Sandbox, books: Books, told: Mapping[str, Answer]) -> None:
    """Check the closed books, and that 0000 for an approval was told of the live charges only.

    `told`: for each number, the last answer to its approval.
    """
    check_books(van, books)
    assert {number for number, answer in told.items() if answer.code == "0000"} == live_numbers(van)
