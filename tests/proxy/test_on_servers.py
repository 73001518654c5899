"""Proxies whose journal is in a database server: any number may share it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from netcancel import State
from tests.duty.books import check_books
from tests.proxy.conftest import proxy_for
from tests.proxy.shop import cancel, pay

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop as Books


@pytest.mark.parametrize("server", ["postgres", "mysql"])
def test_two_proxies_on_one_journal_answer_as_one(
    van: Sandbox, books: Books, server: str, request: pytest.FixtureRequest
) -> None:
    """What one has decided the other tells, byte for byte; nothing is sent twice."""
    url: str = request.getfixturevalue(f"{server}_url")
    books = replace(books, journal=url).with_policy(settle_seconds=0.0)
    with proxy_for(books) as one, proxy_for(books) as other:
        approved = pay(one.base_url, "ORD_1")
        assert approved.code == "0000"
        assert pay(other.base_url, "ORD_1", tranTm="120001") == approved
        van.inject("commit-then-reset")
        assert pay(one.base_url, "ORD_2").code == "NC01"
        assert pay(other.base_url, "ORD_2").code == "NC01"
        other.wait_for("ORD_2", State.NET_CANCELLED)
        for proxied in (other, one):
            assert cancel(proxied.base_url, "ORD_1", approved).code == "0000"
    assert [charge["status"] for charge in van.charges()] == ["refunded", "voided"]
    assert len(van.requests()) == 4
    check_books(van, books)
