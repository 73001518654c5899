"""What each fault does on the wire and in the books: exactly what its help says."""

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest

from netcancel.sandbox import Sandbox, spoil
from netcancel.sandbox.delivery import Answer
from netcancel.sandbox.faults import CATALOGUE, FAULTS, Fault, Work
from netcancel.sandbox.fields import Endpoint
from tests.sandbox.client import (
    APPROVAL,
    CANCEL,
    ELEVEN,
    NET_CANCEL,
    Raw,
    cancel_of,
    connected,
    eleven,
    post,
    raw_request,
    read_to_end,
)

PATHS = {Endpoint.APPROVAL: APPROVAL, Endpoint.CANCEL: CANCEL, Endpoint.NET_CANCEL: NET_CANCEL}
HELD = {"silence", "commit-then-silence", "net-cancel-answer-lost", "net-cancel-silence"}
HELD |= {"processing-delayed", "processed-twice"}
SLOW: dict[str, dict[str, Any]] = {
    "late-answer": {"seconds": 0.01},
    "slow-drip": {"interval_seconds": 0.0001},
}
RIGHT_KEYS = {"respCd", "respMsg", "tid", "svcId", "bizrNo", "mercTrxNo", "trxDt", "trxTm"}

Check = Callable[[Raw], bool]


def is_right(raw: Raw) -> bool:
    """Tell whether this is a complete, right answer."""
    body = raw.json()
    return raw.status == 200 and body["respCd"] == "0000" and body.keys() >= RIGHT_KEYS


def is_framed(raw: Raw) -> bool:
    """Tell whether the body has the one length that the header says."""
    return raw.headers("content-length") == [str(len(raw.body))]


def changes_only(name: str, holds: Callable[[Any], bool]) -> Check:
    """Return a check that one field is wrong and everything else is right."""

    def check(raw: Raw) -> bool:
        body = raw.json()
        wrong = body.pop(name, None)
        return is_framed(raw) and holds(wrong) and body.keys() >= RIGHT_KEYS - {name}

    return check


def is_broken_json(body: bytes) -> bool:
    """Tell whether no JSON can be read."""
    try:
        json.loads(body)
    except ValueError:
        return True
    return False


def has_duplicates(raw: Raw) -> bool:
    """Tell whether respCd stands there twice, first a decline."""
    pairs = json.loads(raw.body, object_pairs_hook=list)
    return [value for name, value in pairs if name == "respCd"] == ["8521", "0000"]


def has_trailing(raw: Raw) -> bool:
    """Tell whether a second object follows a right first one."""
    text = raw.body.decode()
    first, end = json.JSONDecoder().raw_decode(text)
    return bool(first["respCd"] == "0000" and json.loads(text[end:]) == {"respCd": "8521"})


def is_unfinished(raw: Raw) -> bool:
    """Tell whether one whole chunk came and no last one."""
    size, _, rest = raw.body.partition(b"\r\n")
    whole = bool(json.loads(rest[: int(size, 16)])["respCd"] == "0000")
    return whole and rest[int(size, 16) :] == b"\r\n" and raw.headers("content-length") == []


def is_flood(raw: Raw) -> bool:
    """Tell whether a thousand informational answers precede the right one."""
    flood, _, last = raw.data.rpartition(b"HTTP/1.1 102 ")
    _, _, final = last.partition(b"\r\n\r\n")
    return flood.count(b"HTTP/1.1 102 ") == 999 and is_right(Raw(final, raw.end))


def is_half(raw: Raw) -> bool:
    """Tell whether half of the promised body came."""
    (length,) = raw.headers("content-length")
    return len(raw.body) == int(length) // 2 and is_broken_json(raw.body)


def is_nothing(raw: Raw) -> bool:
    """Tell whether the connection was closed without a byte."""
    return raw == Raw(b"", "eof")


def has_status(status: int, code: str) -> Check:
    """Return a check of status and code."""
    return lambda raw: raw.status == status and is_framed(raw) and raw.json()["respCd"] == code


CHECKS: dict[str, Check] = {
    "reset": lambda raw: raw == Raw(b"", "reset"),
    "close": is_nothing,
    "commit-then-reset": lambda raw: raw == Raw(b"", "reset"),
    "commit-then-close": is_nothing,
    "late-answer": is_right,
    "slow-drip": is_right,
    "truncated": is_half,
    "empty": lambda raw: raw.status == 200 and is_framed(raw) and raw.body == b"",
    "html": lambda raw: (
        raw.status == 200
        and b"<html>" in raw.body
        and "text/html" in raw.headers("content-type")[0]
    ),
    "broken-json": lambda raw: is_framed(raw) and is_broken_json(raw.body) and raw.body[:1] == b"{",
    "trailing-json": has_trailing,
    "duplicate-keys": has_duplicates,
    "code-as-number": changes_only("respCd", lambda value: value == 0 and type(value) is int),
    "code-null": lambda raw: '"respCd":null' in raw.body.decode() and is_framed(raw),
    "code-missing": lambda raw: (
        raw.json().keys() >= RIGHT_KEYS - {"respCd"} and "respCd" not in raw.json()
    ),
    "code-too-long": changes_only("respCd", lambda value: value == "00000"),
    "wrong-echo": changes_only("mercTrxNo", lambda value: value not in {ELEVEN["mercTrxNo"], None}),
    "wrong-amount": changes_only("trxAmt", lambda value: value == 10_001),
    "amount-as-text": changes_only("trxAmt", lambda value: value == "10000"),
    "other-charset": lambda raw: (
        json.loads(raw.body.decode("euc-kr"))["respMsg"] == "정상 처리"
        and raw.headers("content-type") == ["application/json; charset=euc-kr"]
    ),
    "utf-16": lambda raw: json.loads(raw.body.decode("utf-16"))["respCd"] == "0000",
    "bom": lambda raw: (
        json.loads(raw.body.removeprefix(b"\xef\xbb\xbf"))["respCd"] == "0000"
        and len(raw.body.removeprefix(b"\xef\xbb\xbf")) == len(raw.body) - 3
    ),
    "gzip": lambda raw: (
        raw.headers("content-encoding") == ["gzip"]
        and json.loads(gzip.decompress(raw.body))["respCd"] == "0000"
    ),
    "oversized": lambda raw: is_right(raw) and is_framed(raw) and len(raw.body) > 65_536,
    "oversized-headers": lambda raw: is_right(raw) and len(raw.head) > 32_000,
    "bad-chunking": lambda raw: (
        raw.headers("transfer-encoding") == ["chunked"] and raw.body.startswith(b"zz\r\n{")
    ),
    "chunked-unfinished": is_unfinished,
    "two-content-lengths": lambda raw: (
        is_right(raw)
        and raw.headers("content-length") == [str(len(raw.body)), str(len(raw.body) - 1)]
    ),
    "informational-flood": is_flood,
    "redirect": lambda raw: raw.status == 307 and raw.headers("location") == ["/elsewhere"],
    "client-error": has_status(400, "SB11"),
    "server-error": has_status(503, "SB11"),
    "commit-then-client-error": has_status(400, "0000"),
    "commit-then-server-error": has_status(500, "0000"),
    "unlisted-code": has_status(200, "9999"),
    "auth-failure": has_status(401, "SB09"),
    "decline": has_status(200, "8035"),
    "net-cancel-refused": has_status(200, "SB10"),
}
DONE = {
    Endpoint.APPROVAL: ["live"],
    Endpoint.NET_CANCEL: ["voided"],
    Endpoint.CANCEL: ["refunded"],
}
CASES = [
    pytest.param(fault, endpoint, id=f"{fault.name}@{endpoint.value}")
    for fault in CATALOGUE
    for endpoint in fault.endpoints
]


def prepare(van: Sandbox, endpoint: Endpoint) -> dict[str, str | int]:
    """Charge what the endpoint needs, and return the request to spoil."""
    if endpoint is Endpoint.APPROVAL:
        return eleven()
    post(van.base_url, APPROVAL, eleven())
    return eleven() if endpoint is Endpoint.NET_CANCEL else cancel_of(van.charges()[0])


def statuses_after(fault: Fault, endpoint: Endpoint) -> list[str]:
    """Return what the books must say after one request."""
    if fault.work in {Work.DONE, Work.TWICE, Work.OTHER_AMOUNT}:
        return DONE[endpoint]
    return [] if endpoint is Endpoint.APPROVAL else ["live"]


def test_every_fault_is_checked() -> None:
    """The catalogue has no fault that this file doesn't look at, and the other way round."""
    assert set(CHECKS) | HELD == set(FAULTS)


@pytest.mark.parametrize(("fault", "endpoint"), CASES)
def test_a_fault_does_what_its_help_says(fault: Fault, endpoint: Endpoint) -> None:
    """The answer is spoilt in this very way, the books show the work, and the next is whole."""
    with Sandbox() as van:
        request = prepare(van, endpoint)
        before = len(van.requests())
        van.inject(fault.name, endpoint=endpoint.value, **SLOW.get(fault.name, {}))
        with connected(van.base_url) as connection:
            connection.sendall(raw_request(PATHS[endpoint], request))
            if fault.name not in HELD:
                raw = read_to_end(connection)
                assert CHECKS[fault.name](raw), raw.data[:300]
            van.wait_for_requests(before + 1)
            _next_answer_is_whole(van)
            if fault.name in HELD:
                connection.setblocking(False)
                with pytest.raises(BlockingIOError):
                    connection.recv(1)
        row = next(row for row in van.requests() if row["fault"] is not None)
        assert (row["fault"], row["endpoint"]) == (fault.name, endpoint.value)
        theirs = [row for row in van.charges() if row["merc_trx_no"] == ELEVEN["mercTrxNo"]]
        assert [row["status"] for row in theirs] == statuses_after(fault, endpoint)


def _next_answer_is_whole(van: Sandbox) -> None:
    raw = post(van.base_url, APPROVAL, eleven(mercTrxNo="NEXT"))
    assert is_right(raw)


@pytest.mark.parametrize("name", sorted(HELD))
def test_a_held_connection_gets_no_byte_until_the_end(name: str) -> None:
    """Silence is silent: nothing was written when the sandbox is gone."""
    endpoint = FAULTS[name].endpoint
    with Sandbox() as van:
        request = prepare(van, endpoint)
        before = len(van.requests())
        van.inject(name)
        with connected(van.base_url) as connection:
            connection.sendall(raw_request(PATHS[endpoint], request))
            van.wait_for_requests(before + 1)
            van.close()
            assert read_to_end(connection).data == b""


def test_a_late_answer_waits() -> None:
    """Until its seconds have passed nothing comes, though the charge is made."""
    with Sandbox() as van:
        van.inject("late-answer", seconds=3_600)
        with connected(van.base_url) as connection:
            connection.sendall(raw_request(APPROVAL, eleven()))
            van.wait_for_requests(1)
            _next_answer_is_whole(van)
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
            assert van.charges()[0]["status"] == "live"


def test_a_late_answer_may_find_its_client_gone() -> None:
    """A client that closes plainly is nobody's bug: the gateway goes on."""
    with Sandbox() as van:
        van.inject("late-answer", seconds=0.5, times=2)
        with connected(van.base_url) as leaves:
            leaves.sendall(raw_request(APPROVAL, eleven()))
            van.wait_for_requests(1)
        with connected(van.base_url) as stays:
            stays.sendall(raw_request(APPROVAL, eleven(mercTrxNo="ORD_2")))
            assert b"0000" in read_to_end(stays).data  # it comes after the other


def test_a_drip_comes_byte_by_byte() -> None:
    """Each byte waits for its own pause: with one of an hour the first hasn't come."""
    delivery = spoil.drip(Answer({"respCd": "0000"}), {"interval_seconds": 0.2})
    assert {len(piece) for piece in delivery.pieces} == {1}
    assert delivery.pause_seconds == 0.2
    with Sandbox() as van:
        van.inject("slow-drip", interval_seconds=3_600)
        with connected(van.base_url) as connection:
            connection.sendall(raw_request(APPROVAL, eleven()))
            van.wait_for_requests(1)
            _next_answer_is_whole(van)
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)


def test_a_wrong_amount_is_really_charged() -> None:
    """The books hold the other amount, and the net-cancel of the requested one voids it."""
    with Sandbox() as van:
        van.inject("wrong-amount", amount_delta=-500)
        assert post(van.base_url, APPROVAL, eleven()).json()["trxAmt"] == 9_500
        assert van.charges()[0]["trx_amt"] == 9_500
        assert post(van.base_url, NET_CANCEL, eleven()).json()["respCd"] == "0000"
        assert van.charges()[0]["status"] == "voided"


@pytest.mark.parametrize("field", ["tid", "svcId", "bizrNo", "mercTrxNo"])
def test_any_echo_can_be_wrong(field: str) -> None:
    """The chosen echo differs in its last character, the others don't."""
    with Sandbox() as van:
        van.inject("wrong-echo", field=field)
        body = post(van.base_url, APPROVAL, eleven()).json()
        assert body[field] != ELEVEN[field]
        assert body[field][:-1] == str(ELEVEN[field])[:-1]
        others = {"tid", "svcId", "bizrNo", "mercTrxNo"} - {field}
        assert all(body[name] == ELEVEN[name] for name in others)


@pytest.mark.parametrize("code", ["8521", "8035", "8350"])
def test_a_decline_has_the_code_asked_for(code: str) -> None:
    """Nothing is charged, and the number stays refused."""
    with Sandbox() as van:
        van.inject("decline", code=code)
        assert post(van.base_url, APPROVAL, eleven()).json()["respCd"] == code
        assert post(van.base_url, APPROVAL, eleven()).json()["respCd"] == van.number_used_code
        assert van.charges() == []
