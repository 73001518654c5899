"""Shops in other languages against a real `netcancel proxy`, and its death in mid-run."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trustme

from netcancel import State
from tests.duty.books import check_books
from tests.missing import missing
from tests.proxy.gate import DEADLINE_SECONDS
from tests.proxy.processes import ProxyProgram
from tests.proxy.shop import (
    APPROVAL,
    CANCEL,
    CHANNEL,
    NET_CANCEL,
    SECRET,
    Answer,
    cancel_of,
    check_form,
    leave,
    net_cancel,
    order,
    pay,
    signed,
    written,
)
from tests.proxy.tellings import check_told, close_all, live_numbers

if TYPE_CHECKING:
    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop as Books


def program(name: str) -> str:
    """Return where a program is, or skip the test."""
    return shutil.which(name) or missing(name)


class Curl:
    """An unchanged `curl` with a signature made beside it."""

    def __init__(self, base_url: str, directory: Path, ca: str | None) -> None:
        self._program = program("curl")
        self._base_url, self._directory = base_url, directory
        self._more = [] if ca is None else ["--cacert", ca]

    def __call__(self, path: str, fields: dict[str, Any]) -> Answer:
        """Ask once."""
        body = self._directory / "body.json"
        body.write_bytes(written(fields))
        headers = self._directory / "headers"
        given = signed(path, body.read_bytes())
        headers.write_text("".join(f"{name}: {value}\n" for name, value in given.items()))
        form = "\n%{http_code}\n%{content_type}"
        arguments = ["--silent", "--show-error", "--request", "POST", "--write-out", form]
        arguments += ["--header", f"@{headers}", "--data-binary", f"@{body}", *self._more]
        ran = subprocess.run(
            [self._program, *arguments, self._base_url + path],
            capture_output=True,
            check=True,
            timeout=DEADLINE_SECONDS,
        )
        text, status, kind = ran.stdout.rsplit(b"\n", 2)
        return Answer(int(status), text, kind.decode())

    def close(self) -> None:
        """Do nothing: each curl has ended."""


class Node:
    """The shop of `shop.mjs`, which knows nothing of us."""

    def __init__(self, base_url: str, _directory: Path, ca: str | None) -> None:
        trust = {} if ca is None else {"NODE_EXTRA_CA_CERTS": ca}
        self._process = subprocess.Popen(
            [program("node"), Path(__file__).with_name("shop.mjs"), base_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ) | {"KICC_CHANNEL": CHANNEL, "KICC_SECRET": SECRET} | trust,
        )

    def __call__(self, path: str, fields: dict[str, Any]) -> Answer:
        """Have it ask once."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"path": path, "fields": fields}) + "\n")
        self._process.stdin.flush()
        told = json.loads(self._process.stdout.readline())
        return Answer(told["status"], json.dumps(told["answer"]).encode())

    def close(self) -> None:
        """Let it end."""
        self._process.communicate(timeout=DEADLINE_SECONDS)
        assert self._process.returncode == 0


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("kind", [Curl, Node])
def test_an_unchanged_shop_pays_loses_and_takes_back(
    van: Sandbox, books: Books, tmp_path: Path, kind: type[Curl | Node], scheme: str
) -> None:
    """Approved, declined, lost, cancelled, net-cancelled: one line of its settings has changed."""
    tls, ca = None, None
    if scheme == "https":
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        issued = authority.issue_cert("127.0.0.1")
        issued.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "tls.pem"))
        tls, ca = (str(tmp_path / "tls.pem"),) * 2, str(tmp_path / "ca.pem")
    with ProxyProgram.of(books, tmp_path, tls=tls).run() as proxy:
        assert proxy.base_url.startswith(f"{scheme}://127.0.0.1:")
        shop = kind(proxy.base_url, tmp_path, ca)
        try:
            trade(van, shop)
        finally:
            shop.close()
    books.recover_until_closed()
    check_books(van, books)
    assert live_numbers(van) == {"APPROVED"}


def trade(van: Sandbox, shop: Curl | Node) -> None:
    """Have a shop do all that the manual lets it do."""

    def ask(path: str, fields: dict[str, Any]) -> str:
        answer = shop(path, fields)
        check_form(answer, fields)
        return answer.code

    approved = shop(APPROVAL, order("APPROVED", userData="주문 1"))
    assert (approved.status, approved.code) == (200, "0000")
    assert approved.members["userData"] == "주문 1"
    assert shop(APPROVAL, order("APPROVED", userData="주문 1")).members == approved.members
    van.inject("decline")
    assert ask(APPROVAL, order("DECLINED")) == "8035"
    van.inject("commit-then-reset")
    assert ask(APPROVAL, order("LOST")) == "NC01"
    refunded = shop(APPROVAL, order("REFUNDED"))
    assert ask(CANCEL, cancel_of(order("REFUNDED"), refunded)) == "0000"
    assert ask(APPROVAL, order("VOIDED")) == "0000"
    assert ask(NET_CANCEL, order("VOIDED")) == "0000"
    assert ask(NET_CANCEL, order("UNKNOWN")) == "0000"
    assert ask(APPROVAL, order("UNKNOWN")) == "NC03"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_at_a_signal_it_ends_in_order(
    van: Sandbox, books: Books, tmp_path: Path, number: signal.Signals
) -> None:
    """Exit 0, and what was being voided is due at once for whoever comes next."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-silence")
    with ProxyProgram.of(books, tmp_path).run() as proxy:
        assert pay(proxy.base_url, "ORD_1").code == "NC01"
        van.wait_for_requests(2)
        proxy.end(number)
    [payment] = books.payments()
    assert (payment.state, payment.is_held) == (State.NET_CANCELLING, False)


def test_killed_in_mid_run_and_started_again_its_books_balance(
    van: Sandbox, books: Books, tmp_path: Path
) -> None:
    """Whoever heard nothing sends the net-cancel, as the manual says; nobody is left charged."""
    proxies = ProxyProgram.of(books, tmp_path)
    numbers = [f"ORD_{place}" for place in range(60)]
    told: dict[str, Answer] = {}
    van.inject("commit-then-reset", rate=0.2)
    with proxies.run() as proxy, ThreadPoolExecutor(8) as threads:
        asked = {n: threads.submit(pay, proxy.base_url, n) for n in numbers}
        van.wait_for_requests(20)
        proxy.kill()
        for number, answer in asked.items():
            if answer.exception() is None:
                told[number] = answer.result()
            else:
                assert isinstance(answer.exception(), OSError | http.client.HTTPException)
    lost = [number for number in numbers if number not in told]
    assert told
    assert lost
    with proxies.run() as proxy, ThreadPoolExecutor(8) as threads:
        voided = list(threads.map(lambda n: net_cancel(proxy.base_url, n), lost))
    assert {answer.code for answer in voided} <= {"0000", "NC07"}
    close_all(van, books)
    check_told(van, books, told)


PAYMENTS = int(os.environ.get("NETCANCEL_TEST_PROXY_PAYMENTS", "1000"))

FAULTS: tuple[tuple[str, str, float], ...] = (
    ("commit-then-reset", "approval", 0.03),
    ("reset", "approval", 0.02),
    ("commit-then-silence", "approval", 0.02),
    ("silence", "approval", 0.01),
    ("processing-delayed", "approval", 0.02),
    ("processed-twice", "approval", 0.01),
    ("html", "approval", 0.02),
    ("broken-json", "approval", 0.01),
    ("commit-then-server-error", "approval", 0.02),
    ("unlisted-code", "approval", 0.01),
    ("wrong-amount", "approval", 0.01),
    ("decline", "approval", 0.02),
    ("commit-then-reset", "net-cancel", 0.05),
    ("reset", "net-cancel", 0.05),
    ("net-cancel-answer-lost", "net-cancel", 0.05),
    ("net-cancel-refused", "net-cancel", 0.05),
    ("commit-then-reset", "cancel", 0.1),
    ("reset", "cancel", 0.1),
)
"""A fifth of all approvals, of all net-cancels, and of all cancels."""

LEAVERS = 25
"""One shop in so many doesn't wait for the answer, and sends its net-cancel later."""


CAMPAIGN_SECONDS = 240.0


@pytest.mark.timeout(300)
def test_a_thousand_payments_with_a_fifth_of_faults_end_in_balanced_books(
    van: Sandbox, books: Books, tmp_path: Path
) -> None:
    """0000 was told of the live charges only, and nothing is left open."""
    books = books.with_policy(timeout_seconds=1.0)
    for name, endpoint, rate in FAULTS:
        van.inject(name, endpoint=endpoint, rate=rate)
    numbers = [f"ORD_{place}" for place in range(PAYMENTS)]
    leavers = set(numbers[::LEAVERS])
    proxies = ProxyProgram.of(books, tmp_path)
    with proxies.run(seconds=CAMPAIGN_SECONDS) as proxy, ThreadPoolExecutor(16) as threads:

        def trade(number: str) -> Answer:
            if number not in leavers:
                return pay(proxy.base_url, number)
            leave(proxy.base_url, APPROVAL, written(order(number))).close()
            return net_cancel(proxy.base_url, number)

        told = dict(zip(numbers, threads.map(trade, numbers), strict=True))
    paid = {number: answer for number, answer in told.items() if number not in leavers}
    assert {told[number].code for number in leavers} <= {"0000", "NC07", "NC08"}
    van.clear_faults()
    close_all(van, books)
    check_told(van, books, paid)
    assert len({answer.code for answer in paid.values()}) >= 4
