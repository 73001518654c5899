"""The journal in trouble, and too much in doubt: what a shop is told then is true."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from netcancel import State
from tests.proxy.conftest import QUICK_SECONDS, Proxied, proxy_for, wait_until
from tests.proxy.shop import cancel, net_cancel, pay
from tests.proxy.tellings import check_told, live_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop as Books
    from tests.proxy.gate import Gate


@contextmanager
def locked(books: Books) -> Iterator[None]:
    """Keep the journal from being written, as another program's long transaction does."""
    with closing(sqlite3.connect(books.journal_path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def test_without_a_journal_nothing_is_sent(van: Sandbox, proxied: Proxied) -> None:
    """An approval, a cancel and a net-cancel that can't be written down go nowhere."""
    approved = pay(proxied.base_url, "ORD_1")
    with locked(proxied.books), ThreadPoolExecutor(3) as threads:
        asked = [
            threads.submit(pay, proxied.base_url, "ORD_2"),
            threads.submit(cancel, proxied.base_url, "ORD_1", approved),
            threads.submit(net_cancel, proxied.base_url, "ORD_3"),
        ]
        told = [each.result() for each in asked]
    assert [(answer.status, answer.code) for answer in told] == [(503, "NC06")] * 3
    assert len(van.requests()) == 1
    assert net_cancel(proxied.base_url, "ORD_3").code == "0000"
    proxied.books.recover_until_closed()
    check_told(van, proxied.books, {"ORD_1": approved})


def test_an_approval_that_could_not_be_written_down_is_told_as_unknown(
    van: Sandbox, books: Books, gate: Gate
) -> None:
    """Charged, and the journal silent: not approved on hope; asked again, it is voided."""
    books = books.with_policy(timeout_seconds=QUICK_SECONDS)
    with proxy_for(books) as proxied, ThreadPoolExecutor(1) as threads:
        asked = threads.submit(pay, proxied.base_url, "ORD_1")
        gate.wait_until_reached()
        with locked(books):
            gate.open()
            told = asked.result()
        assert (told.status, told.code) == (503, "NC09")
        again = pay(proxied.base_url, "ORD_1")
        assert again.code in {"NC01", "NC07"}
    books.recover_until_closed()
    check_told(van, books, {"ORD_1": again})
    assert live_numbers(van) == set()


def test_while_too_many_are_in_doubt_only_voiding_goes_on(van: Sandbox, books: Books) -> None:
    """New approvals are refused, and nothing is sent for them; net-cancels are not."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-refused", times=1_000)
    with proxy_for(books.with_policy(max_in_doubt=1)) as proxied:
        assert pay(proxied.base_url, "ORD_1").code == "NC01"
        refused = pay(proxied.base_url, "ORD_2")
        assert (refused.status, refused.code) == (503, "NC06")
        assert net_cancel(proxied.base_url, "ORD_3").code == "NC07"
        van.clear_faults()
        proxied.wait_for("ORD_1", State.SETTLING, State.NET_CANCELLED)
        proxied.wait_for("ORD_3", State.SETTLING, State.NET_CANCELLED)
        assert pay(proxied.base_url, "ORD_2").code == "0000"
        wait_until(lambda: live_numbers(van) == {"ORD_2"})


@pytest.mark.parametrize("number", ["ORD_1", "A" * 40])
def test_a_long_number_is_cancelled_and_voided_too(
    van: Sandbox, proxied: Proxied, number: str
) -> None:
    """By the VAN's number; the gateway's net-cancel answers echo its beginning only (spec 3.3)."""
    approved = pay(proxied.base_url, number)
    assert cancel(proxied.base_url, number, approved).code == "0000"
    van.inject("commit-then-reset")
    lost = f"{number[:-1]}B"
    assert pay(proxied.base_url, lost).code == "NC01"
    assert net_cancel(proxied.base_url, lost).code == "0000"
    assert live_numbers(van) == set()
