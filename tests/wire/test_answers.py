"""Every answer of the zoo, over both transports and in pieces."""

from __future__ import annotations

import socket
import tracemalloc
from typing import TYPE_CHECKING

import pytest

from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach, Reception
from netcancel.wire import Gateway
from netcancel.wire.exchange import HEAD_BYTES_MAX, RECEIVED_BYTES_MAX, Exchange, Fault
from tests.canaries import TOKEN
from tests.wire.answerer import PATIENCE, Answerer, answers, reset
from tests.wire.conftest import REQUEST
from tests.wire.zoo import CASES, INFORMATIONAL, JSON, OK, Broken, Case, Expected, Whole, sized

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.wire.conftest import Carry

GATEWAY = Gateway.parse("http://127.0.0.1:8080")
SMALL = 2_000
"""Answers up to this many bytes are also sent byte by byte over a socket."""


def seen(reception: Reception) -> Expected:
    """Return what the zoo would call this."""
    if isinstance(reception, RawAnswer):
        return Whole(reception.status, reception.body)
    return Broken(reception.reach, reception.why)


def acting(case: Case, piece: int) -> Callable[[socket.socket, bytes], bool]:
    """Act out the case, in pieces of this many bytes."""

    def act(connection: socket.socket, _: bytes) -> bool:
        for start in range(0, len(case.answer), piece):
            connection.sendall(case.answer[start : start + piece])
        if case.ending == "reset":
            reset(connection)
        if case.ending == "close":
            connection.shutdown(socket.SHUT_WR)
        return True

    return act


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answer_is_read_as_it_must_be(carry: Carry, case: Case) -> None:
    """Each answer gives the expected reception, and the request was sent exactly once."""
    with Answerer(acting(case, 1 << 30)) as gateway:
        reception = carry(Gateway.parse(gateway.base_url))
    assert seen(reception) == case.expected
    assert len(gateway.requests) == gateway.connections == 1


@pytest.mark.parametrize(
    "case", [case for case in CASES if len(case.answer) < SMALL], ids=lambda case: case.name
)
def test_answer_is_read_the_same_byte_by_byte(carry: Carry, case: Case) -> None:
    """An answer that comes in single bytes gives the same reception."""
    with Answerer(acting(case, 1)) as gateway:
        reception = carry(Gateway.parse(gateway.base_url))
    assert seen(reception) == case.expected


@pytest.mark.parametrize("piece", [1, 2, 3, 1000, 65_536])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_pieces_change_nothing(case: Case, piece: int) -> None:
    """However the bytes of an answer are cut, the exchange makes the same of them."""
    exchange = Exchange(REQUEST, gateway=GATEWAY, keep_alive=False)
    result: RawAnswer | Fault | None = None
    for start in range(0, len(case.answer), piece):
        result = exchange.receive(case.answer[start : start + piece])
        if result is not None:
            break
    if isinstance(case.expected, Whole):
        assert isinstance(result, RawAnswer)
        assert seen(result) == case.expected
        return
    if result is None and case.ending == "close":
        result = exchange.receive(b"")
    if case.ending != "reset":
        assert isinstance(result, Fault)
        assert result.why is case.expected.why


@pytest.mark.parametrize(
    ("start", "limit"),
    [
        (JSON + b"X: ", HEAD_BYTES_MAX),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n1;", RECEIVED_BYTES_MAX),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX: ", RECEIVED_BYTES_MAX),
    ],
    ids=["header", "chunk extension", "trailer"],
)
def test_limit_is_exact(start: bytes, limit: int) -> None:
    """An answer that may still end is read on up to the limit, and refused one byte over it."""
    exchange = Exchange(REQUEST, gateway=GATEWAY, keep_alive=False)
    assert exchange.receive(start + b"a" * (limit - len(start))) is None
    assert isinstance(exchange.receive(b"a"), Fault)


def test_detail_holds_nothing_of_request_or_answer(carry: Carry) -> None:
    """What is told of a garbled answer quotes neither the token nor a header of the gateway."""
    with Answerer(answers(sized(extra=b"X-Secret: CANARY\0\r\n"))) as gateway:
        reception = carry(Gateway.parse(gateway.base_url))
    assert isinstance(reception, NoAnswer)
    assert TOKEN not in repr(reception) + repr(REQUEST)
    assert "CANARY" not in repr(reception)


def test_header_names_are_lower_case_and_in_order(carry: Carry) -> None:
    """The headers of an answer are handed on as bytes, names in lower case, in their order."""
    with Answerer(answers(sized(extra=b"Zeta: 1\r\nALPHA: \xff\r\nZeta: 2\r\n"))) as gateway:
        reception = carry(Gateway.parse(gateway.base_url))
    assert isinstance(reception, RawAnswer)
    assert reception.headers[1:4] == ((b"zeta", b"1"), (b"alpha", b"\xff"), (b"zeta", b"2"))
    assert all(type(part) is bytes for pair in reception.headers for part in pair)


@pytest.mark.parametrize(
    ("start", "flood"),
    [
        (JSON + b"X: ", b"a" * 65_536),
        (JSON, b"X: a\r\n" * 10_000),
        (b"", INFORMATIONAL * 1_000),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 10_000),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n", b"ffff\r\n" + b"a" * 65_535 + b"\r\n"),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a" * 65_536),
        (JSON + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n" * 10_000),
        (JSON + b"\r\n", OK * 1_000),
    ],
    ids="header headers informational tiny-chunks chunks extension trailers body".split(),
)
def test_flood_is_cut_off_with_flat_memory(carry: Carry, start: bytes, flood: bytes) -> None:
    """An answer without end is given up at the limit, in less than two megabytes of memory."""

    def act(connection: socket.socket, _: bytes) -> None:
        connection.sendall(start)
        while True:
            connection.sendall(flood)

    with Answerer(act) as gateway:
        tracemalloc.start()
        try:
            reception = carry(Gateway.parse(gateway.base_url))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert gateway.endings.get(timeout=PATIENCE) == "reset"
    assert seen(reception) == Broken(Reach.ANSWER_BEGUN, Break.UNINTELLIGIBLE)
    assert peak < 2_000_000


def test_redirect_is_not_followed(carry: Carry) -> None:
    """A redirect is an answer like others: the place it names sees no connection."""
    with Answerer(answers(sized())) as elsewhere:
        location = b"Location: %s/x\r\n" % elsewhere.base_url.encode()
        moved = sized(b"", location, b"HTTP/1.1 307 Temporary Redirect\r\n")
        with Answerer(answers(moved)) as gateway:
            reception = carry(Gateway.parse(gateway.base_url))
    assert seen(reception) == Whole(307, b"")
    assert (len(gateway.requests), elsewhere.connections) == (1, 0)
