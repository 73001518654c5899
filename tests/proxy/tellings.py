"""What shops were told, against what the gateway's ledger says once everything is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.duty.books import check_books

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop as Books
    from tests.proxy.shop import Answer


def live_numbers(van: Sandbox) -> set[str]:
    """Return the numbers of which somebody is charged."""
    return {charge["merc_trx_no"] for charge in van.charges() if charge["status"] == "live"}


def check_told(van: Sandbox, books: Books, told: Mapping[str, Answer]) -> None:
    """Check the closed books, and that 0000 for an approval was told of the live charges only.

    `told`: for each number, the last answer to its approval.
    """
    check_books(van, books)
    assert {number for number, answer in told.items() if answer.code == "0000"} == live_numbers(van)
