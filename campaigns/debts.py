"""Debts of the past: payments whose answers were lost, written into a journal by the thousand.

One in a hundred is poison: the sealed text of its net-cancel is damaged, and nobody can send it.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import psycopg

from netcancel.core.lifecycle import Event
from netcancel.core.payment import Change, Opened
from netcancel.demo.payer import order
from netcancel.freezing import freeze
from tests.servers.databases import run_mysql

if TYPE_CHECKING:
    from concurrent.futures import Future

    from netcancel.core.flows import Order
    from netcancel.desk import Desk
    from netcancel.kicc import Merchant

PREFIX: Final = "OLD"
POISON_EVERY: Final = 100
MADE_AT: Final = 1_700_000_000.0
"""When the orders were frozen: seconds since the epoch."""

OWNER: Final = "owner"
AT_ONCE: Final = 512
"""So many are handed to the journal together: a commit serves many."""

DAMAGE: Final = {
    "sqlite": "UPDATE payment SET sealed_body = x'00'",
    "postgresql": r"UPDATE netcancel.payment SET sealed_body = '\x00'",
    "mysql": "UPDATE netcancel_payment SET sealed_body = x'00'",
}
"""By the scheme of the journal's URL."""


def number_of(place: int) -> str:
    """Return the merchant transaction number of a debt."""
    return f"{PREFIX}{place:07d}"


def is_poison(number: str) -> bool:
    """Whether a debt's text is damaged."""
    return int(number.removeprefix(PREFIX)) % POISON_EVERY == 0


def owe(desk: Desk, merchant: Merchant, rows: int) -> None:
    """Write so many debts, all due now, the poison among them."""
    for first in range(0, rows, AT_ONCE):
        orders = [
            _order(desk, merchant, place) for place in range(first, min(rows, first + AT_ONCE))
        ]
        opened = [desk.journal.open_new(each.intent) for each in orders]
        for moved in [_lose(desk, future.result()) for future in opened]:
            moved.result()


def poison(url: str) -> None:
    """Damage the text of one debt in a hundred."""
    scheme = url.partition(":")[0]
    statement = f"{DAMAGE[scheme]} WHERE merc_trx_no LIKE '{PREFIX}%00'"
    match scheme:
        case "sqlite":
            with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file, file:
                file.execute(statement)
        case "postgresql":
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(statement.encode())
        case _:
            run_mysql(url, "SET autocommit = 1", statement)


def _order(desk: Desk, merchant: Merchant, place: int) -> Order:
    return freeze(
        merchant,
        world=desk.world(),
        writer=OWNER,
        at=MADE_AT,
        policy=desk.policy,
        **order(number_of(place), seed=0),
    )


def _lose(desk: Desk, opened: Any) -> Future[Any]:  # noqa: ANN401  whatever a journal says
    """Write that the answer was lost, and that a net-cancel is owed at once."""
    if not isinstance(opened, Opened):
        raise TypeError(f"a new journal was expected: {opened}")
    owed = Change(due_seconds=0.0, begins_debt=True)
    return desk.journal.move_if_unchanged(opened.payment, Event.ANSWER_LOST, OWNER, owed)
