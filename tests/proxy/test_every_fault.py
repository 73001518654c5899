"""Every fault of the sandbox, at every endpoint that it can hit, through the proxy."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pytest

from netcancel import State
from netcancel.recovery import Recovery
from netcancel.sandbox import Sandbox, codes
from netcancel.sandbox.faults import CATALOGUE
from tests.duty.books import by_number, check_books
from tests.duty.shop import Shop as Books
from tests.duty.test_every_fault import ENDPOINTS, MEMORIES, MORE, SILENCE_SECONDS, SILENT
from tests.proxy.conftest import Proxied, proxy_for
from tests.proxy.shop import Answer, cancel, net_cancel, pay
from tests.proxy.tellings import check_told, close_all, live_numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

CANCEL_FAULTS: Final = tuple(fault.name for fault in CATALOGUE if "cancel" in fault.endpoints)

KNOWN_CODES: Final[dict[str, Any]] = {
    "nothing_to_void_codes": frozenset([codes.NOTHING_TO_VOID]),
    "already_voided_codes": frozenset([codes.ALREADY_CANCELLED]),
}


def silent_cases(van: Sandbox) -> Iterator[list[str]]:
    """Inject all faults of an endpoint that never answer; give a number for each."""
    for endpoint in ENDPOINTS:
        names = [each.name for each in CATALOGUE if endpoint in each.endpoints]
        silent = [name for name in names if name in SILENT]
        if endpoint == "net-cancel":
            van.inject("commit-then-reset", times=len(silent))
        for name in silent:
            van.inject(name, endpoint=endpoint)
        yield [f"silent-{endpoint}-{place}" for place in range(len(silent))]


def other_cases(van: Sandbox) -> Iterator[str]:
    """Inject every other fault, one after the other; give its number."""
    faults: list[tuple[str, str, dict[str, Any]]] = [
        (each.name, endpoint, {})
        for each in CATALOGUE
        for endpoint in ENDPOINTS
        if endpoint in each.endpoints and each.name not in SILENT
    ]
    for name, endpoint, options in [*faults, *((name, "approval", more) for name, more in MORE)]:
        if endpoint == "net-cancel":
            van.inject("commit-then-reset")
        van.inject(name, endpoint=endpoint, **options)
        yield "-".join([name, endpoint[0], *(str(value) for value in options.values())])[:40]
    yield "unspoilt"


def expected(number: str) -> str:
    """Say what a shop must be told: only a proof decides (I8)."""
    if number == "unspoilt":
        return "0000"
    if number == "decline-a":
        return codes.INSUFFICIENT_FUNDS
    return "NC02" if number.startswith("wrong-amount") else "NC01"


def all_at_once(ask: Callable[[str], Answer], numbers: list[str]) -> dict[str, Answer]:
    """Ask for some numbers at the same time."""
    with ThreadPoolExecutor(len(numbers)) as threads:
        return dict(zip(numbers, threads.map(ask, numbers), strict=True))


@pytest.mark.parametrize("memory", MEMORIES)
def test_every_fault_ends_in_balanced_books(tmp_path: Path, memory: str) -> None:
    """An answer in form each time; 0000 for the live charge only; a repeat hears the same."""
    known = KNOWN_CODES if memory == "code" else {}
    with Sandbox(net_cancel_memory=memory) as van:
        books = Books.at(van, tmp_path, **known)
        told: dict[str, Answer] = {}
        with proxy_for(books.with_policy(timeout_seconds=SILENCE_SECONDS)) as quick:
            for numbers in silent_cases(van):
                told |= all_at_once(partial(pay, quick.base_url), numbers)
        with proxy_for(books) as patient:
            for number in other_cases(van):
                told[number] = pay(patient.base_url, number)
            assert {n: a.code for n, a in told.items()} == {n: expected(n) for n in told}
            again = {number: pay(patient.base_url, number) for number in told}
            assert {n: a.code for n, a in again.items()} == {n: a.code for n, a in told.items()}
        hit = {(each["fault"], each["endpoint"]) for each in van.requests()}
        for fault in CATALOGUE:
            assert {(fault.name, place) for place in ENDPOINTS if place in fault.endpoints} <= hit
        close_all(van, books)
        check_told(van, books, told)


@pytest.mark.parametrize("memory", MEMORIES)
def test_every_fault_of_a_shops_own_net_cancel(tmp_path: Path, memory: str) -> None:
    """Of a number that nobody knows and of an approved one: told as void only where it is."""
    with Sandbox(net_cancel_memory=memory) as van:
        books = Books.at(van, tmp_path, timeout_seconds=SILENCE_SECONDS, **KNOWN_CODES)
        faults = [each.name for each in CATALOGUE if "net-cancel" in each.endpoints]
        numbers = [f"unknown-{place}" for place in range(len(faults))]
        with proxy_for(books) as proxied:
            for name in faults:
                van.inject(name, endpoint="net-cancel")
            told = all_at_once(partial(net_cancel, proxied.base_url), numbers)
            van.clear_faults()
            assert {answer.code for answer in told.values()} <= {"0000", "NC07"}
            assert {pay(proxied.base_url, number).code for number in numbers} == {"NC03"}
        books.recover_until_closed()
        check_told(van, books, {})
        hit = {each["fault"] for each in van.requests() if each["endpoint"] == "net-cancel"}
        assert hit >= set(faults)
        assert {payment.state for payment in books.payments()} == {State.NET_CANCELLED}


@pytest.mark.parametrize("memory", MEMORIES)
@pytest.mark.parametrize("ask", ["cancel", "net-cancel"])
def test_every_fault_of_a_cancel(tmp_path: Path, memory: str, ask: str) -> None:
    """Asked for by a cancel or a net-cancel: given back once, or a person's; 0000 only if void."""
    with Sandbox(net_cancel_memory=memory) as van:
        patient = Books.at(van, tmp_path, **KNOWN_CODES)
        numbers = [f"ORD_{place}" for place in range(len(CANCEL_FAULTS))]
        with proxy_for(patient) as proxied:
            approved = {number: pay(proxied.base_url, number) for number in numbers}
            assert {answer.code for answer in approved.values()} == {"0000"}
        books = patient.with_policy(timeout_seconds=SILENCE_SECONDS)
        with proxy_for(books) as proxied:
            for name in CANCEL_FAULTS:
                van.inject(name, endpoint="cancel")
            told = all_at_once(partial(give_back, proxied, approved, ask), numbers)
            void = {number for number, answer in told.items() if answer.code == "0000"}
            assert void & live_numbers(van) == set()
            repeated = all_at_once(partial(give_back, proxied, approved, ask), numbers)
        recover(books)
        check_given_back(van, books, told, repeated)


def give_back(proxied: Proxied, approved: dict[str, Answer], ask: str, number: str) -> Answer:
    """Ask for an approved payment to be given back."""
    if ask == "cancel":
        return cancel(proxied.base_url, number, approved[number])
    return net_cancel(proxied.base_url, number)


def recover(books: Books) -> None:
    """Recover as if more and more time had passed; a person's payments stay a person's."""
    step = books.policy.hold_seconds + books.policy.settle_after_seconds + 61.0
    for turn in range(1, 6):
        with books.desk(ahead_seconds=turn * step) as desk:
            asyncio.run(Recovery(desk).run_once())


def check_given_back(
    van: Sandbox, books: Books, told: dict[str, Answer], repeated: dict[str, Answer]
) -> None:
    """Check what became of cancels, one by one."""
    charges = {charge["merc_trx_no"]: charge["status"] for charge in van.charges()}
    arrived = by_number(van.requests())
    hit = {each["fault"] for each in van.requests() if each["endpoint"] == "cancel"}
    assert hit >= set(CANCEL_FAULTS)
    assert sum(each["endpoint"] == "cancel" for each in van.requests()) == len(told)
    for payment in books.payments():
        number = payment.merc_trx_no
        if payment.state is State.ESCALATED:
            refused = told[number].code not in {"0000", "NC07"}
            assert refused, (number, told[number].code)
            assert repeated[number].code == told[number].code
        else:
            assert payment.state in {State.CANCELLED, State.NET_CANCELLED}
            assert charges[number] in {"refunded", "voided"}
            assert told[number].code in {"0000", "NC07"}
            assert repeated[number].code in {"0000", "NC07"}
        assert [each["endpoint"] for each in arrived[number]].count("approval") == 1


def test_an_approved_payment_is_closed_by_its_shops_net_cancel(
    van: Sandbox, books: Books, proxied: Proxied
) -> None:
    """Refunded, told as void, and a repeat of either hears so; nothing is owed afterwards."""
    assert pay(proxied.base_url, "ORD_1").code == "0000"
    assert [net_cancel(proxied.base_url, "ORD_1").code for _ in range(2)] == ["0000", "0000"]
    assert pay(proxied.base_url, "ORD_1").code == "NC02"
    assert [each["endpoint"] for each in van.requests()] == ["approval", "cancel"]
    check_books(van, books)
