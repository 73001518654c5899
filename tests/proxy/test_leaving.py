"""Shops that don't wait: gone before the answer, asking again, voiding what they have lost."""

from __future__ import annotations

import socket
import struct
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import State
from netcancel.sandbox import Sandbox, codes
from tests.duty.books import check_books
from tests.duty.shop import Shop as Books
from tests.proxy.conftest import QUICK_SECONDS, Proxied, proxy_for, wait_until
from tests.proxy.shop import APPROVAL, leave, net_cancel, order, pay, written
from tests.proxy.tellings import check_told, close_all, live_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.proxy.gate import Gate

BODY = written(order("ORD_1"))


def close(sock: socket.socket, how: str) -> None:
    """Leave: with a FIN, or with a reset."""
    if how == "reset":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@contextmanager
def shop_that_leaves(proxied: Proxied, gate: Gate, how: str) -> Iterator[None]:
    """Ask for an approval and leave while the gateway works on it."""
    sock = leave(proxied.base_url, APPROVAL, BODY)
    gate.wait_until_reached()
    if how == "half":
        sock.shutdown(socket.SHUT_WR)
    else:
        close(sock, how)
    wait_until(lambda: proxied.connections == 0)
    yield
    sock.close()


@pytest.mark.parametrize("how", ["close", "reset", "half"])
def test_a_shop_that_left_before_the_answer_is_not_charged(
    van: Sandbox, proxied: Proxied, gate: Gate, how: str
) -> None:
    """It can't know that it was approved: refunded, and a late repeat hears so."""
    with shop_that_leaves(proxied, gate, how):
        gate.open()
        assert proxied.wait_for("ORD_1", State.CANCELLED).cancel_reason == "rejected"
        assert pay(proxied.base_url, "ORD_1").code == "NC02"
    assert [each["endpoint"] for each in van.requests()] == ["approval", "cancel"]
    check_told(van, proxied.books, {})


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_shop_that_left_before_a_decline_owes_nothing(
    van: Sandbox, proxied: Proxied, gate: Gate, how: str
) -> None:
    """Declined is declined, and told to whoever asks again."""
    van.inject("decline")
    with shop_that_leaves(proxied, gate, how):
        gate.open()
        proxied.wait_for("ORD_1", State.DECLINED)
    assert pay(proxied.base_url, "ORD_1").code == "8035"
    assert len(van.requests()) == 1


@pytest.mark.parametrize("how", ["close", "reset"])
def test_a_shop_that_left_amid_its_body_asked_for_nothing(
    van: Sandbox, proxied: Proxied, how: str
) -> None:
    """What never came whole is not sent, and not written down."""
    sock = leave(proxied.base_url, APPROVAL, BODY, only=len(BODY) // 2)
    wait_until(lambda: proxied.connections == 1)
    close(sock, how)
    wait_until(lambda: proxied.connections == 0)
    assert pay(proxied.base_url, "ORD_2").code == "0000"
    assert len(van.requests()) == 1
    assert [payment.merc_trx_no for payment in proxied.books.payments()] == ["ORD_2"]


def test_whoever_waits_for_the_same_hears_of_it_though_the_first_has_left(
    van: Sandbox, proxied: Proxied, gate: Gate
) -> None:
    """A repeat meets the first one's charge: it stands for the repeat, or is refunded; not both."""
    with shop_that_leaves(proxied, gate, "close"), ThreadPoolExecutor(1) as threads:
        repeat = threads.submit(pay, proxied.base_url, "ORD_1")
        wait_until(lambda: proxied.connections == 1)
        gate.open()
        told = repeat.result()
    assert told.code in {"0000", "NC02"}
    proxied.wait_for("ORD_1", State.APPROVED, State.CANCELLED)
    check_told(van, proxied.books, {"ORD_1": told})


def test_a_repeat_waits_for_the_first_and_hears_the_very_bytes(
    van: Sandbox, proxied: Proxied, gate: Gate
) -> None:
    """Three at once: one approval, three answers, one charge."""
    with ThreadPoolExecutor(3) as threads:
        said = [threads.submit(pay, proxied.base_url, "ORD_1") for _ in range(3)]
        gate.wait_until_reached()
        wait_until(lambda: proxied.connections == 3)
        gate.open()
        told = [each.result() for each in said]
    assert told[0].code == "0000"
    assert told == [told[0]] * 3
    assert [each["endpoint"] for each in van.requests()] == ["approval"]
    check_told(van, proxied.books, {"ORD_1": told[0]})


@pytest.mark.parametrize(
    "fault", ["late-answer", "commit-then-silence", "silence", "processing-delayed"]
)
@pytest.mark.parametrize("memory", ["tombstone", "code", "forgetful"])
def test_a_shops_net_cancel_joins_an_approval_under_way(
    tmp_path: Path, fault: str, memory: str
) -> None:
    """Its time-out is shorter than ours: voided at once, and in the end, whatever comes late."""
    with Sandbox(net_cancel_memory=memory) as van:
        known = frozenset([codes.NOTHING_TO_VOID])
        books = Books.at(van, tmp_path, timeout_seconds=QUICK_SECONDS, nothing_to_void_codes=known)
        options: dict[str, Any] = {"seconds": 0.5} if fault == "late-answer" else {}
        van.inject(fault, **options)
        with proxy_for(books) as proxied:
            sock = leave(proxied.base_url, APPROVAL, BODY)
            van.wait_for_requests(1)
            sock.close()
            told = [net_cancel(proxied.base_url, "ORD_1").code for _ in range(2)]
            assert set(told) <= {"0000", "NC07"}
            late = pay(proxied.base_url, "ORD_1")
            assert late.code in {"NC01", "NC02"}
        close_all(van, books)
        check_told(van, books, {"ORD_1": late})
        assert [each["endpoint"] for each in van.requests()].count("approval") == 1


def test_two_net_cancels_at_once_are_one(van: Sandbox, proxied: Proxied, gate: Gate) -> None:
    """Of a number that nobody knows: one is sent, both hear of it, and the number is used."""
    with ThreadPoolExecutor(2) as threads:
        said = [threads.submit(net_cancel, proxied.base_url, "ORD_1") for _ in range(2)]
        gate.wait_until_reached()
        wait_until(lambda: proxied.connections == 2)
        gate.open()
        assert [each.result().code for each in said] == ["0000", "0000"]
    assert [each["endpoint"] for each in van.requests()] == ["net-cancel"]
    late = pay(proxied.base_url, "ORD_1")
    assert (late.status, late.code) == (200, "NC03")
    proxied.books.recover_until_closed()
    check_books(van, proxied.books)


def test_two_cancels_at_once_are_one(van: Sandbox, proxied: Proxied) -> None:
    """An approved payment, voided by two at the same time, is refunded once."""
    assert pay(proxied.base_url, "ORD_1").code == "0000"
    with ThreadPoolExecutor(2) as threads:
        said = [threads.submit(net_cancel, proxied.base_url, "ORD_1") for _ in range(2)]
        assert [each.result().code for each in said] == ["0000", "0000"]
    assert [each["endpoint"] for each in van.requests()] == ["approval", "cancel"]
    check_books(van, proxied.books)


@pytest.mark.parametrize(
    "fields", [{"trxAmt": 9_000}, {"vatAmt": 1}, {"svcAmt": 1}, {"alotMonth": "03"}]
)
def test_a_net_cancel_with_other_data_voids_nothing(
    van: Sandbox, proxied: Proxied, fields: dict[str, Any]
) -> None:
    """It must be the approval's (spec 2.2): the charge stands, as it was told."""
    approved = pay(proxied.base_url, "ORD_1")
    refused = net_cancel(proxied.base_url, "ORD_1", **fields)
    assert refused.code == "NC04"
    check_told(van, proxied.books, {"ORD_1": approved})
    assert live_numbers(van) == {"ORD_1"}


def test_a_net_cancel_may_have_the_time_of_a_repeat(van: Sandbox, proxied: Proxied) -> None:
    """A shop that asked twice can't know which of its requests was sent."""
    assert pay(proxied.base_url, "ORD_1").code == "0000"
    assert pay(proxied.base_url, "ORD_1", tranTm="120001").code == "0000"
    assert net_cancel(proxied.base_url, "ORD_1", tranTm="120001").code == "0000"
    assert live_numbers(van) == set()


def test_a_charge_without_an_approval_number_is_net_cancelled(
    van: Sandbox, proxied: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop's net-cancel needs none: it is voided though no cancel could be built."""
    monkeypatch.setattr("netcancel.sandbox.gateway._approval_part", lambda _fields, _entry: {})
    assert pay(proxied.base_url, "ORD_1").code == "0000"
    assert net_cancel(proxied.base_url, "ORD_1").code == "0000"
    assert live_numbers(van) == set()


def test_in_flight_when_the_proxy_stops_is_answered_first(
    van: Sandbox, books: Books, gate: Gate
) -> None:
    """Told to stop, it takes nobody new, and whoever waits still hears what became of it."""
    with ThreadPoolExecutor(1) as threads:
        with proxy_for(books) as proxied:
            said = threads.submit(pay, proxied.base_url, "ORD_1")
            gate.wait_until_reached()
            proxied.server.stop()
            gate.open()
        told = said.result()
    assert told.code == "0000"
    check_told(van, books, {"ORD_1": told})


def test_what_is_still_being_voided_at_the_end_is_handed_over(van: Sandbox, books: Books) -> None:
    """Told of the loss, and then the proxy ends: the payment is due at once, for anybody."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-silence")
    with proxy_for(books) as proxied:
        assert pay(proxied.base_url, "ORD_1").code == "NC01"
        van.wait_for_requests(2)
    [payment] = books.payments()
    assert payment.state is State.NET_CANCELLING
    assert not payment.is_held
    books.recover_until_closed()
    check_told(van, books, {})
