"""The HTTP edge: whatever comes, nothing is sent that was not asked for, and an answer is one."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from netcancel.proxy import app, connection
from tests.canaries import TOKEN
from tests.proxy.conftest import Proxied, proxy_for, wait_until
from tests.proxy.gate import DEADLINE_SECONDS
from tests.proxy.shop import (
    APPROVAL,
    CANCEL,
    NET_CANCEL,
    Answer,
    check_form,
    leave,
    net_cancel,
    order,
    pay,
    send,
    signed,
    written,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netcancel.sandbox import Sandbox
    from tests.duty.shop import Shop as Books

BODY = written(order("ORD_1"))


def talk(base_url: str) -> http.client.HTTPConnection:
    """Return a connection to the proxy."""
    return http.client.HTTPConnection(urlsplit(base_url).netloc, timeout=DEADLINE_SECONDS)


def request(
    proxied: Proxied,
    *,
    method: str = "POST",
    target: str = APPROVAL,
    body: bytes = BODY,
    **headers: str | None,
) -> Answer:
    """Send a request that is signed for what it asks; a header of None is left out."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    given = {k: v for k, v in (signed(target, body) | named).items() if v is not None}
    with contextlib.closing(talk(proxied.base_url)) as connected:
        connected.request(method, target, body, given)
        answer = connected.getresponse()
        return Answer(answer.status, answer.read(), answer.headers["Content-Type"])


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/smpy/kiccpay/reqAprv/",
        "/smpy/kiccpay/req%41prv",
        "/smpy/kiccpay//reqAprv",
        "/smpy/kiccpay/./reqAprv",
        "/smpy/kiccpay/reqAprv?x=1",
        "/smpy/kiccpay/reqaprv",
        "http://gateway.example/smpy/kiccpay/reqAprv",
        "/smpy/kiccpay/reqInqr",
    ],
)
def test_only_the_manuals_paths_are_served(van: Sandbox, proxied: Proxied, target: str) -> None:
    """Any other spelling is unknown, however well it is signed, and never redirected."""
    answer = request(proxied, target=target)
    check_form(answer, {})
    assert (answer.status, answer.code) == (404, "NC12")
    assert van.requests() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("target", [APPROVAL, CANCEL, NET_CANCEL])
def test_only_a_post_is_served(van: Sandbox, proxied: Proxied, method: str, target: str) -> None:
    """Another method is told so in the manual's form."""
    answer = request(proxied, method=method, target=target)
    check_form(answer, {})
    assert (answer.status, answer.code) == (404, "NC12")
    assert van.requests() == []


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "text/json",
        "application/json; charset=euc-kr",
        "application/json; charset=utf-8; charset=euc-kr",
        "application/jsonx",
        "application/x-www-form-urlencoded",
    ],
)
def test_only_json_in_utf_8_is_read(van: Sandbox, proxied: Proxied, kind: str | None) -> None:
    """A body is never read in another way than the gateway reads it."""
    answer = request(proxied, Content_Type=kind)
    check_form(answer, {})
    assert (answer.status, answer.code) == (415, "NC13")
    assert van.requests() == []


@pytest.mark.parametrize(
    "kind",
    ["application/json", "Application/JSON;charset=UTF-8", 'application/json; charset="utf-8"'],
)
def test_json_may_be_named_in_other_ways(proxied: Proxied, kind: str) -> None:
    """As HTTP allows."""
    assert request(proxied, Content_Type=kind).code == "0000"


def test_two_content_types_are_none(van: Sandbox, proxied: Proxied) -> None:
    """Who reads the first and who reads the last would read different bodies."""
    given = signed(APPROVAL, BODY)
    with contextlib.closing(talk(proxied.base_url)) as connected:
        connected.putrequest("POST", APPROVAL)
        for name, value in given.items():
            connected.putheader(name, value)
        connected.putheader("Content-Type", "text/plain")
        connected.putheader("Content-Length", str(len(BODY)))
        connected.endheaders(BODY)
        answer = connected.getresponse()
        assert json.loads(answer.read())["respCd"] == "NC13"
    assert van.requests() == []


def padded(size: int) -> bytes:
    """Return a body of so many bytes."""
    return BODY + b" " * (size - len(BODY))


def test_a_body_of_64_kib_is_read_and_one_byte_more_is_not(van: Sandbox, proxied: Proxied) -> None:
    """Told as too large, and the connection serves on."""
    with contextlib.closing(talk(proxied.base_url)) as connected:
        for body, code in ((padded(65_537), "NC14"), (padded(65_536), "0000")):
            connected.request("POST", APPROVAL, body, signed(APPROVAL, body))
            answer = connected.getresponse()
            assert json.loads(answer.read())["respCd"] == code
    assert len(van.requests()) == 1


def test_a_chunked_body_is_read_whole(van: Sandbox, proxied: Proxied) -> None:
    """The signature is over what the chunks hold."""
    with contextlib.closing(talk(proxied.base_url)) as connected:
        chunks = [BODY[:10], BODY[10:]]
        connected.request("POST", APPROVAL, iter(chunks), signed(APPROVAL, BODY))
        answer = connected.getresponse()
        assert json.loads(answer.read())["respCd"] == "0000"
    assert [each["body"] for each in van.requests()] == [BODY]


def test_a_client_that_asks_before_it_sends_is_answered(proxied: Proxied) -> None:
    """With the interim answer that it waits for, and then the real one."""
    parts = urlsplit(proxied.base_url)
    head = [f"POST {APPROVAL} HTTP/1.1", f"Host: {parts.netloc}", f"Content-Length: {len(BODY)}"]
    head += ["Expect: 100-continue", "Connection: close"]
    head += [f"{name}: {value}" for name, value in signed(APPROVAL, BODY).items()]
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.settimeout(DEADLINE_SECONDS)
        sock.sendall("\r\n".join([*head, "", ""]).encode())
        assert sock.recv(65_536).startswith(b"HTTP/1.1 100 ")
        sock.sendall(BODY)
        assert b"HTTP/1.1 200 " in b"".join(iter(lambda: sock.recv(65_536), b""))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "NC05"),
        (b"[]", "NC05"),
        (BODY[:-2], "NC04"),
        (BODY + b"{}", "NC04"),
        (b"\xef\xbb\xbf" + BODY, "NC05"),
        (BODY.replace(b'"trxAmt"', b'"trxAmt": 1, "trxAmt"'), "NC04"),
        (BODY.replace(b'"trxAmt"', b'"TRXAMT": 1, "trxAmt"'), "NC04"),
        (BODY.replace(b'"trxAmt"', b'"TrxAmt"'), "NC04"),
        (BODY.replace(b'"trxAmt"', b'"\\u0074rxAmt": 1, "trxAmt"'), "NC04"),
        (BODY.replace(b'"trxAmt"', b'"x": NaN, "trxAmt"'), "NC04"),
        (BODY.replace(b"10000", b"1e4"), "NC04"),
        (BODY.replace(b"10000", b'"10000"'), "NC04"),
        (BODY.replace(b"ORD_1", b"ORD_\xbd"), "NC04"),
        (BODY.replace(b"ORD_1", "ORD_１".encode()), "NC04"),
    ],
)
def test_a_body_that_two_readers_could_read_differently_is_not_sent(
    van: Sandbox, proxied: Proxied, body: bytes, code: str
) -> None:
    """What the journal says must be what the gateway reads."""
    answer = send(proxied.base_url, APPROVAL, body)
    check_form(answer, {})
    assert answer.code == code
    assert TOKEN not in answer.body.decode()
    assert van.requests() == []


def test_a_rule_is_named_by_the_manuals_field(proxied: Proxied) -> None:
    """A shop knows no other names."""
    assert "trxAmt: " in pay(proxied.base_url, "ORD_1", trxAmt=0).members["respMsg"]
    pay(proxied.base_url, "ORD_2")
    message = net_cancel(proxied.base_url, "ORD_2", trxAmt=9_000).members["respMsg"]
    assert "trxAmt: must be the approval's" in message


def test_a_connection_serves_one_request_after_the_other(van: Sandbox, proxied: Proxied) -> None:
    """Kept alive over every kind of answer."""
    said = []
    with contextlib.closing(talk(proxied.base_url)) as connected:
        for number, fields in (("A", {}), ("B", {"trxAmt": 0}), ("A", {}), ("C", {})):
            body = written(order(number, **fields))
            connected.request("POST", APPROVAL, body, signed(APPROVAL, body))
            answer = connected.getresponse()
            said.append(json.loads(answer.read())["respCd"])
            assert connected.sock is not None
    assert said == ["0000", "NC04", "0000", "0000"]
    assert len(van.requests()) == 2


def test_a_request_that_is_sent_again_by_itself_is_no_decline(
    van: Sandbox, proxied: Proxied
) -> None:
    """An HTTP layer that repeats a POST repeats its nonce: its shop must not read "not sent"."""
    given = signed(APPROVAL, BODY)
    assert send(proxied.base_url, APPROVAL, BODY, given).code == "0000"
    again = send(proxied.base_url, APPROVAL, BODY, given)
    check_form(again, {})
    assert (again.status, again.code) == (409, "NC15")
    assert len(van.requests()) == 1


def test_pipelined_requests_are_served_in_order(van: Sandbox, proxied: Proxied) -> None:
    """Two requests at once on one connection: two answers, in the order of asking."""
    parts = urlsplit(proxied.base_url)
    pipelined = b""
    for number in ("A", "B"):
        body = written(order(number))
        head = [f"POST {APPROVAL} HTTP/1.1", f"Host: {parts.netloc}"]
        head += [f"Content-Length: {len(body)}", *("Connection: close" for _ in "B" if number == _)]
        head += [f"{name}: {value}" for name, value in signed(APPROVAL, body).items()]
        pipelined += "\r\n".join([*head, "", ""]).encode() + body
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.settimeout(DEADLINE_SECONDS)
        sock.sendall(pipelined)
        said = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert said.count(b"HTTP/1.1 200") == 2
    assert said.index(b'"mercTrxNo":"A"') < said.index(b'"mercTrxNo":"B"')
    assert len(van.charges()) == 2


@pytest.fixture
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one request of each path be in flight."""
    monkeypatch.setattr(app, "IN_FLIGHT_MAX", 1)


@pytest.mark.usefixtures("one_at_a_time")
def test_too_many_in_flight_are_refused_and_keep_no_net_cancel_out(
    van: Sandbox, books: Books
) -> None:
    """Nothing was sent for the refused one; while approvals hang, voiding goes on."""
    van.inject("commit-then-silence")
    with proxy_for(books) as proxied, leave(proxied.base_url, APPROVAL, BODY):
        van.wait_for_requests(1)
        refused = pay(proxied.base_url, "ORD_2")
        assert (refused.status, refused.code) == (503, "NC06")
        assert net_cancel(proxied.base_url, "ORD_1").code == "0000"
        assert [each["endpoint"] for each in van.requests()] == ["approval", "net-cancel"]
        assert [charge["status"] for charge in van.charges()] == ["voided"]
        van.close()  # or the approval would be waited for


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch, books: Books) -> Iterator[Proxied]:
    """Return a proxy that doesn't wait long for what a client sends."""
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(connection, "IDLE_SECONDS", 0)
    monkeypatch.setattr(app, "BODY_SECONDS", 0.2)
    with proxy_for(books) as running:
        yield running


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"POST /smpy",
        f"POST {APPROVAL} HTTP/1.1\r\nHost: a\r\n".encode(),
    ],
)
def test_a_connection_without_a_whole_request_is_closed(hasty: Proxied, begun: bytes) -> None:
    """It would take the place of a shop that pays."""
    parts = urlsplit(hasty.base_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.settimeout(DEADLINE_SECONDS)
        sock.sendall(begun)
        assert sock.recv(1) == b""
    wait_until(lambda: hasty.connections == 0)


def test_a_body_that_never_ends_is_refused_and_its_connection_closed(
    van: Sandbox, hasty: Proxied
) -> None:
    """Told as too slow; nothing of it counts."""
    parts = urlsplit(hasty.base_url)
    head = [f"POST {APPROVAL} HTTP/1.1", "Host: a", "Content-Length: 1000"]
    head += [f"{name}: {value}" for name, value in signed(APPROVAL, BODY).items()]
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.settimeout(DEADLINE_SECONDS)
        sock.sendall("\r\n".join([*head, "", ""]).encode() + b"{")
        said = b"".join(iter(lambda: sock.recv(65_536), b""))
    assert said.startswith(b"HTTP/1.1 413")
    assert b'"NC14"' in said
    wait_until(lambda: hasty.connections == 0)
    assert van.requests() == []


def test_connections_above_the_limit_are_closed_without_a_byte(
    monkeypatch: pytest.MonkeyPatch, books: Books
) -> None:
    """Nothing is read from them; the shops that were there are served on."""
    monkeypatch.setattr(connection, "CONNECTIONS_MAX", 1)
    with proxy_for(books) as proxied, contextlib.closing(talk(proxied.base_url)) as first:
        first.request("POST", APPROVAL, BODY, signed(APPROVAL, BODY))
        assert json.loads(first.getresponse().read())["respCd"] == "0000"
        with pytest.raises((OSError, http.client.HTTPException)):
            pay(proxied.base_url, "ORD_2")
        wait_until(lambda: proxied.connections == 1)
        first.request("POST", APPROVAL, BODY, signed(APPROVAL, BODY))
        assert json.loads(first.getresponse().read())["respCd"] == "0000"


def test_what_is_no_http_ends_the_connection(van: Sandbox, proxied: Proxied) -> None:
    """Nothing of it reaches the gateway."""
    parts = urlsplit(proxied.base_url)
    with socket.create_connection((parts.hostname or "", parts.port or 0)) as sock:
        sock.settimeout(DEADLINE_SECONDS)
        sock.sendall(b"\x16\x03\x01\x02\x00\x01\r\n\r\n")
        assert b"".join(iter(lambda: sock.recv(65_536), b"")).startswith(b"HTTP/1.1 400")
    assert van.requests() == []


@pytest.mark.parametrize("size", [15_000, 200_000])
def test_heads_have_a_limit(proxied: Proxied, size: int) -> None:
    """A head within it is read; above it the connection ends."""
    given = signed(APPROVAL, BODY) | {"X-Padding": "x" * size}
    if size < 16_000:
        assert send(proxied.base_url, APPROVAL, BODY, given).code == "0000"
    else:
        with contextlib.suppress(OSError):
            assert send(proxied.base_url, APPROVAL, BODY, given).status == 400


def test_a_bug_is_told_as_unknown_and_says_nothing(
    proxied: Proxied, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The log has the kind of the error and no word of it: it could show a token."""

    async def broken(*_: object) -> object:
        raise LookupError(TOKEN)

    monkeypatch.setattr(proxied.server._till, "serve", broken)
    answer = send(proxied.base_url, APPROVAL, BODY)
    check_form(answer, {})
    assert (answer.status, answer.code) == (503, "NC09")
    assert [each.getMessage() for each in caplog.records if each.levelname == "CRITICAL"] == [
        "a bug in the proxy: LookupError"
    ]
