"""The border: what of HTTP the sandbox takes, and how it answers a right request."""

import json
import socket

import pytest

from netcancel.sandbox import Sandbox, codes
from tests.sandbox.client import (
    APPROVAL,
    CANCEL,
    ELEVEN,
    JSON_TYPE,
    NET_CANCEL,
    Raw,
    cancel_of,
    connected,
    eleven,
    post,
    raw_request,
    read_to_end,
    send_raw,
    signed,
)

BODY = json.dumps(eleven()).encode()


def head_of(lines: list[str]) -> bytes:
    """Join header lines to a head."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def framed(*framing: str) -> bytes:
    """Return a signed approval with these framing headers and the example's body."""
    signature = [f"{name}: {value}" for name, value in signed(APPROVAL, BODY).items()]
    lines = [f"POST {APPROVAL} HTTP/1.1", "Host: x", f"Content-Type: {JSON_TYPE}", *signature]
    return head_of([*lines, "Connection: close", *framing]) + BODY


def is_untouched(van: Sandbox) -> bool:
    """Tell whether nothing reached the ledger."""
    return van.charges() == [] and all(row["did"] == "nothing" for row in van.requests())


def test_an_approval_is_answered_with_every_field() -> None:
    """The answer echoes the ids, names amount, numbers and dates, and masks the card."""
    with Sandbox() as van:
        raw = post(van.base_url, APPROVAL, eleven(userData="자료 <1>"))
        charge = van.charges()[0]
    body = raw.json()
    moment = (body.pop("trxDt"), body.pop("trxTm"))
    assert [len(part) for part in moment] == [8, 6]
    assert body == {
        "respCd": "0000",
        "respMsg": "Approval Success",
        **{name: ELEVEN[name] for name in ("tid", "svcId", "bizrNo", "mercTrxNo", "trxAmt")},
        "aprvNo": charge["aprv_no"],
        "aprvDt": charge["aprv_dt"],
        "vanTrxNo": charge["van_trx_no"],
        "userData": "자료 <1>",
        "cardConfirmNo": "1234-56**-****-1234",
    }
    assert len(charge["aprv_no"]) == 8
    assert len(charge["van_trx_no"]) <= 20
    assert raw.headers("content-type") == [JSON_TYPE]


def test_a_net_cancel_is_answered_as_the_page_says() -> None:
    """Exactly the nine fields of the net-cancel page; the number is cut to its 20 bytes."""
    number = "N" * 21
    with Sandbox() as van:
        post(van.base_url, APPROVAL, eleven(mercTrxNo=number))
        body = post(van.base_url, NET_CANCEL, eleven(mercTrxNo=number)).json()
        assert van.charges()[0]["status"] == "voided"
    assert list(body) == [
        "respCd",
        "respMsg",
        "tid",
        "svcId",
        "bizrNo",
        "mercTrxNo",
        "trxDt",
        "trxTm",
        "cardConfirmNo",
    ]
    assert (body["respCd"], body["respMsg"]) == ("0000", "Net-Cancel Success")
    assert body["mercTrxNo"] == "N" * 20


def test_a_cancel_is_answered_with_its_own_number() -> None:
    """A refund is a success that echoes the cancel's number."""
    with Sandbox() as van:
        post(van.base_url, APPROVAL, eleven())
        body = post(van.base_url, CANCEL, cancel_of(van.charges()[0])).json()
        assert van.charges()[0]["status"] == "refunded"
    assert (body["respCd"], body["mercTrxNo"]) == ("0000", "CANCEL_1")


@pytest.mark.parametrize("path", [APPROVAL, CANCEL, NET_CANCEL])
def test_a_format_error_names_the_field(path: str) -> None:
    """A field that breaks a rule is answered with status 200 and the sandbox's code."""
    with Sandbox() as van:
        raw = post(van.base_url, path, {"tid": "toolong-toolong"})
        assert (raw.status, raw.json()["respCd"]) == (200, van.format_error_code)
        assert "tid" in raw.json()["respMsg"]
        assert "toolong" not in raw.json()["respMsg"]
        assert is_untouched(van)


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "//smpy/kiccpay/reqAprv",
        "/smpy/kiccpay/../kiccpay/reqAprv",
        "/smpy/kiccpay/reqAprv/",
        "/smpy/kiccpay/reqAprv?x=1",
        "/smpy/kiccpay/reqAprv#x",
        "/smpy/kiccpay/req%41prv",
        "/smpy/kiccpay/%2e/reqAprv",
        "/SMPY/kiccpay/reqAprv",
        "/smpy/kiccpay/reqaprv",
        "http://sandbox/smpy/kiccpay/reqAprv",
        "*",
    ],
)
def test_only_the_exact_paths_exist(target: str) -> None:
    """Every other spelling is 404, though its signature is right."""
    with Sandbox() as van:
        assert send_raw(van.base_url, raw_request(target, eleven())).status == 404
        assert is_untouched(van)
        assert van.requests()[0]["endpoint"] is None


@pytest.mark.parametrize("method", ["GET", "PUT", "HEAD", "TRACE", "OPTIONS", "PATCH", "post"])
def test_only_post_is_allowed(method: str) -> None:
    """Every other method is 405."""
    with Sandbox() as van:
        raw = send_raw(van.base_url, raw_request(APPROVAL, eleven(), method=method))
        assert (raw.status, raw.headers("allow")) == (405, ["POST"])
        assert is_untouched(van)


@pytest.mark.parametrize(
    ("content_type", "is_taken"),
    [
        ("application/json; charset=utf-8", True),
        ("application/json;charset=UTF-8", True),
        ('application/json; charset="utf-8"', True),
        ("application/json", False),
        ("application/json; charset=euc-kr", False),
        ("application/json; charset=utf-8; x=1", False),
        ("text/plain; charset=utf-8", False),
        ("application/jsonx; charset=utf-8", False),
        ("", False),
    ],
)
def test_content_types(content_type: str, *, is_taken: bool) -> None:
    """JSON in UTF-8, said so; everything else is 415."""
    with Sandbox() as van:
        request = raw_request(APPROVAL, eleven(), headers={"Content-Type": content_type})
        assert send_raw(van.base_url, request).status == (200 if is_taken else 415)
        assert len(van.charges()) == int(is_taken)


LENGTH = f"Content-Length: {len(BODY)}"


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (framed(LENGTH, f"Content-Length: {len(BODY) - 1}"), 400),
        (framed(LENGTH, "Transfer-Encoding: chunked"), 400),
        (framed("Transfer-Encoding: chunked", LENGTH), 400),
        (framed("Transfer-Encoding: xchunked"), 501),
        (framed("Transfer-Encoding: gzip, chunked"), 501),
        (framed("Content-Length: -1"), 400),
        (framed("Content-Length: +5"), 400),
        (framed("Content-Length: five"), 400),
        (framed(LENGTH, "X-Folded: a\r\n b"), 400),
        (framed(LENGTH, "X-Folded: a\r\n\tb"), 400),
        (framed(LENGTH, "X-Nul: a\0b"), 400),
        (framed(LENGTH, "X Space: a"), 400),
        (framed(LENGTH, "X-Space : a"), 400),
        (framed("Content-Length: 65537"), 413),
        (framed("Content-Length: 1073741824"), 413),
        (framed(LENGTH, "X-Long: " + "x" * 16_384), 431),
        (framed(LENGTH, *[f"X-{n}: {n}" for n in range(4_000)]), 431),
        (framed(LENGTH).replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
        (framed(LENGTH).replace(b" HTTP/1.1", b""), 400),
        (framed(LENGTH).replace(b"Host: x\r\n", b""), 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    ],
)
def test_malformed_and_oversized_requests(data: bytes, status: int) -> None:
    """Ambiguous framing and sizes over the limits are refused, and the connection is closed."""
    with Sandbox() as van:
        raw = send_raw(van.base_url, data)
        assert (raw.status, raw.end) == (status, "eof")
        assert raw.json()["respCd"] == codes.BAD_HTTP
        assert van.requests() == []


@pytest.mark.parametrize(("size", "code"), [(65_536, "0000"), (65_537, None)])
def test_the_body_limit_is_exact(size: int, code: str | None) -> None:
    """64 KiB of JSON are read, whether by length or in chunks; a byte more is 413."""
    body = BODY + b" " * (size - len(BODY))
    chunked = raw_request(APPROVAL, body).replace(
        f"Content-Length: {size}".encode(), b"Transfer-Encoding: chunked"
    )
    whole = f"{size:x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    by_chunk = chunked.removesuffix(body) + whole
    for request in (raw_request(APPROVAL, body), by_chunk):
        with Sandbox() as van:
            raw = send_raw(van.base_url, request)
            assert raw.status == (200 if code else 413)
            assert (raw.json()["respCd"] == "0000") is (code is not None)


def test_expectations_are_met() -> None:
    """A client that waits for 100 Continue gets it, then the answer."""
    request = raw_request(APPROVAL, eleven(), headers={"Expect": "100-continue"})
    head, _, body = request.partition(b"\r\n\r\n")
    with Sandbox() as van, connected(van.base_url) as connection:
        connection.sendall(head + b"\r\n\r\n")
        assert connection.recv(25, socket.MSG_WAITALL) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert read_to_end(connection).json()["respCd"] == "0000"


def test_a_connection_serves_many_requests() -> None:
    """Kept alive, a connection is answered in order, and closed when the client asks."""
    with Sandbox() as van, connected(van.base_url) as connection:
        for number in range(5):
            request = eleven(mercTrxNo=f"KEEP_{number}")
            connection.sendall(raw_request(APPROVAL, request, keep_alive=True))
            raw = read_one(connection)
            assert raw.json()["mercTrxNo"] == f"KEEP_{number}"
            assert raw.headers("connection") == ["keep-alive"]
        connection.sendall(raw_request(APPROVAL, eleven()))
        last = read_to_end(connection)
        assert (last.end, last.headers("connection")) == ("eof", ["close"])
        assert len(van.charges()) == 6


def read_one(connection: socket.socket) -> Raw:
    """Read one answer with a length from a connection that stays open."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    length = int(Raw(data, "open").headers("content-length")[0])
    while len(Raw(data, "open").body) < length:
        data += connection.recv(65_536)
    return Raw(data, "open")


def test_a_pipelined_request_is_not_worked() -> None:
    """Two requests in one go: the first is answered and the connection closed."""
    first = raw_request(APPROVAL, eleven(mercTrxNo="FIRST"), keep_alive=True)
    second = raw_request(APPROVAL, eleven(mercTrxNo="SECOND"), keep_alive=True)
    with Sandbox() as van:
        raw = send_raw(van.base_url, first + second)
        assert raw.headers("connection") == ["close"]
        assert [row["merc_trx_no"] for row in van.charges()] == ["FIRST"]


def test_a_request_may_come_in_single_bytes() -> None:
    """However the bytes are cut, the same request is read."""
    with Sandbox() as van, connected(van.base_url) as connection:
        for byte in raw_request(APPROVAL, eleven()):
            connection.sendall(bytes([byte]))
        assert read_to_end(connection).json()["respCd"] == "0000"


def test_a_request_that_ends_too_soon_is_not_worked() -> None:
    """A client that goes away before the last byte has asked for nothing."""
    request = raw_request(APPROVAL, eleven())
    with Sandbox() as van:
        for cut in (1, 50, len(request) - len(BODY), len(request) - 1):
            with connected(van.base_url) as connection:
                connection.sendall(request[:cut])
                connection.shutdown(socket.SHUT_WR)
                assert read_to_end(connection).data == b""
        assert is_untouched(van)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-KICC-ChannelId": "CH_UNKNOWN"},
        {"X-KICC-Nonce": "x"},
        {"X-KICC-Timestamp": "1"},
        {"X-KICC-Authorization": "A" * 43 + "="},
        {"X-KICC-Authorization": ""},
        {"X-KICC-Authorization": "Ä" * 44},
        {"x-kicc-nonce": "0b5f1a52-3a4c-4d8e-9a10-9f0d6c1e2b3a"},
    ],
)
def test_every_failed_authentication_is_answered_alike(headers: dict[str, str]) -> None:
    """Unknown channel, wrong shape, wrong signature, repeated header: the same 401."""
    with Sandbox() as van:
        raw = send_raw(van.base_url, raw_request(APPROVAL, eleven(), headers=headers))
        body = {"respCd": van.not_authenticated_code, "respMsg": "Not authenticated"}
        assert (raw.status, raw.json()) == (401, body)
        assert is_untouched(van)


def test_a_request_sent_twice_is_refused() -> None:
    """The very same bytes again carry a used nonce."""
    request = raw_request(APPROVAL, eleven())
    with Sandbox() as van:
        assert send_raw(van.base_url, request).status == 200
        assert send_raw(van.base_url, request).status == 401
        assert van.requests()[1]["signature"] == "nonce-used"


def test_what_is_not_believed_takes_no_fault() -> None:
    """A fault waits for a request that is signed and well formed."""
    with Sandbox() as van:
        van.inject("html")
        send_raw(van.base_url, raw_request(APPROVAL, eleven(), headers={"X-KICC-Nonce": "x"}))
        post(van.base_url, APPROVAL, eleven(trxAmt=0))
        assert [row["fault"] for row in van.requests()] == [None, None]
        assert b"<html>" in post(van.base_url, APPROVAL, eleven()).body
