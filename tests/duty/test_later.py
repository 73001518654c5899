"""Who comes later finds what is so then: a merchant no old yes, a void its token and its key."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
import time
from base64 import b64encode
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pymysql
import pytest

from netcancel import Approved, Cancelled, JournalUnavailable, State, operators
from netcancel.journal import open_journal
from netcancel.journal.mysql import parameters_of
from netcancel.recovery import Recovery
from tests.duty.books import check_books
from tests.duty.shop import MERCHANT, VAULT_KEY, order_of
from tests.duty.test_cancels import recover, shop_at

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel import Guard
    from netcancel.journal import Journal
    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop

NEW_KEY: Final = b64encode(hashlib.sha256(b"the key after the first").digest()).decode()


@pytest.fixture(params=["sqlite", "postgres", "mysql"])
def shop(request: pytest.FixtureRequest, van: Sandbox, tmp_path: Path) -> Shop:
    """Set up a shop whose journal is in a database of each kind."""
    shop = shop_at(van, tmp_path)
    if request.param == "sqlite":
        return shop
    return replace(shop, journal=request.getfixturevalue(f"{request.param}_url"))


def transaction_that_has_read(shop: Shop) -> Any:
    """Return a merchant's own connection, which keeps to what it has read."""
    if shop.journal.startswith("mysql"):
        orders: Any = pymysql.connect(**parameters_of(shop.journal))
        orders.cursor().execute("SELECT count(*) FROM netcancel_payment")
    else:
        orders = sqlite3.connect(shop.journal_path, isolation_level=None, timeout=0.1)
        orders.execute("BEGIN")
        orders.execute("SELECT count(*) FROM payment").fetchone()
    return orders


def may_leave(guard: Guard, number: str, orders: Any) -> bool:
    """Say whether a merchant that asks in its transaction sends the goods."""
    try:
        return guard.confirm(number, connection=orders)
    except sqlite3.OperationalError:  # a transaction with an old view may write nothing
        return False


@pytest.mark.parametrize("shop", ["sqlite", "mysql"], indirect=True)
def test_no_goods_leave_for_what_was_given_back(
    van: Sandbox, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A merchant whose transaction began before another host's cancel hears no yes after it."""
    # As with every newer SQLite: in the other mode, who has read keeps all others from writing.
    monkeypatch.setattr("netcancel.journal.sqlite_file.journal_mode", lambda _: "wal")
    with shop.guard() as guard, shop.guard() as other:
        for number in ("A", "B"):
            assert isinstance(guard.approve(**order_of(number)), Approved)
        with closing(transaction_that_has_read(shop)) as orders:
            assert isinstance(other.cancel("A"), Cancelled)
            assert not may_leave(guard, "A", orders)
            orders.rollback()
        assert guard.confirm("B")

    check_books(van, shop)


def test_a_charge_that_is_reported_finds_its_token(van: Sandbox, shop: Shop) -> None:
    """A void that was closed keeps what it takes to void again, until its grace is over."""
    with shop.guard() as guard:
        van.inject("commit-then-reset", endpoint="approval")
        guard.approve(**order_of("A"))
    recover(shop)
    with shop.desk(ahead_seconds=shop.policy.hold_seconds * 9) as desk:
        journal = desk.journal
        assert state_in(journal) is State.NET_CANCELLED
        journal.shred_closed(keep_seconds=shop.policy.keep_token_seconds, limit=9).result()
        seen = journal.find(MERCHANT.tid, "A").result()
        assert seen is not None
        operators.reopen(journal, seen, aprv_no=None, trx_amt=seen.trx_amt, by="me").result()
        asyncio.run(Recovery(desk).run_once())
        assert state_in(journal) is State.NET_CANCELLED
    check_books(van, shop)


def test_a_worker_that_lacks_the_new_key_leaves_it_to_others(van: Sandbox, shop: Shop) -> None:
    """What it can't open is no damage: it says so, and whoever has both keys goes on."""
    keys: dict[str, Any] = {"vault_key": NEW_KEY, "previous_vault_keys": VAULT_KEY}
    ahead_seconds = shop.policy.hold_seconds * 2
    with shop.desk(ahead_seconds=ahead_seconds) as desk:
        with shop.guard(**keys) as guard:
            van.inject("commit-then-reset", endpoint="approval")
            guard.approve(**order_of("A"))
        with pytest.raises(JournalUnavailable, match="lacks it"):
            asyncio.run(Recovery(desk).run_once())
        clock = partial(later, ahead_seconds)
        with closing(open_journal(shop.journal, clock=clock, **keys)) as journal:
            assert state_in(journal) is State.SETTLING
            asyncio.run(Recovery(replace(desk, journal=journal)).run_once())
            assert state_in(journal) is State.NET_CANCELLED


def later(seconds: float) -> float:
    """Return a time that is yet to come."""
    return time.time() + seconds


def state_in(journal: Journal) -> State:
    """Return the state of the one payment there is."""
    [payment] = journal.list_payments().result()
    return payment.state
