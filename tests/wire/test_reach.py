"""How far an exchange came, and the deadline that ends it."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach
from netcancel.wire import Gateway, Network, Request, clock, resolver
from netcancel.wire.conversation import Conversation
from netcancel.wire.pool import Pool
from netcancel.wire.waiting import SocketWait
from tests.wire.answerer import PATIENCE, Answerer, answers, stays_silent
from tests.wire.conftest import REQUEST
from tests.wire.zoo import OK, chunked, sized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.wire.conftest import Carry

SOON = 0.5
"""Seconds of a deadline that has to pass."""


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Give a port that refuses connections as long as it is held."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


@contextlib.contextmanager
def unanswering_port() -> Iterator[int]:
    """Give a port whose queue is full: a connection to it is neither made nor refused."""
    with socket.socket() as listener, contextlib.ExitStack() as fillers:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = fillers.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def test_refused_connection_never_left(carry: Carry) -> None:
    """A refused connection proves that nothing left."""
    with closed_port() as port:
        reception = carry(Gateway.parse(f"http://127.0.0.1:{port}"))
    assert reception == NoAnswer(
        Reach.NOT_CONNECTED, Break.CONNECTION, "the network failed: ECONNREFUSED"
    )


def test_connection_that_is_not_made_never_left(carry: Carry) -> None:
    """A connection that isn't made by the deadline proves that nothing left."""
    with unanswering_port() as port:
        reception = carry(Gateway.parse(f"http://127.0.0.1:{port}"), seconds=SOON)
    assert reception == NoAnswer(Reach.NOT_CONNECTED, Break.DEADLINE, "the total deadline passed")


@pytest.mark.parametrize("seconds", [0.0, -1.0])
def test_deadline_that_has_passed_opens_nothing(carry: Carry, seconds: float) -> None:
    """An exchange after its deadline doesn't even connect."""
    with Answerer(stays_silent) as gateway:
        reception = carry(Gateway.parse(gateway.base_url), seconds=seconds)
        assert isinstance(reception, NoAnswer)
        assert (reception.reach, reception.why) == (Reach.NOT_CONNECTED, Break.DEADLINE)
    assert gateway.connections == 0


@pytest.mark.parametrize("seconds", [1e9, float("inf")])
def test_endless_patience_is_no_error(carry: Carry, seconds: float) -> None:
    """A deadline beyond what poll and the socket options can count works like any other."""
    with Answerer(answers(sized())) as gateway:
        assert isinstance(carry(Gateway.parse(gateway.base_url), seconds=seconds), RawAnswer)


def test_silence_ends_at_the_deadline_with_a_reset(carry: Carry) -> None:
    """Without an answer the request was sent, no more is known, and the connection is reset."""
    with Answerer(stays_silent) as gateway:
        reception = carry(Gateway.parse(gateway.base_url), seconds=SOON)
        assert gateway.endings.get(timeout=PATIENCE) == "reset"
    assert reception == NoAnswer(Reach.SENT, Break.DEADLINE, "the total deadline passed")


def test_whole_answer_ends_with_a_close(carry: Carry) -> None:
    """After a whole answer the connection is closed in peace, and the answer's bytes are all."""
    with Answerer(answers(sized())) as gateway:
        assert isinstance(carry(Gateway.parse(gateway.base_url)), RawAnswer)
        assert gateway.endings.get(timeout=PATIENCE) == "closed"


def test_request_that_the_kernel_cannot_take_is_partly_sent(carry: Carry) -> None:
    """A gateway that reads nothing leaves a big request partly sent."""
    done = threading.Event()

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            done.wait(PATIENCE)

    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=serve)
        thread.start()
        big = Request("/a", (), b"x" * 32_000_000)
        gateway = Gateway.parse(f"http://127.0.0.1:{listener.getsockname()[1]}")
        reception = carry(gateway, big, seconds=SOON)
        done.set()
        thread.join()
    assert isinstance(reception, NoAnswer)
    assert (reception.reach, reception.why) == (Reach.PARTLY_SENT, Break.DEADLINE)


def test_drip_does_not_extend_the_deadline(carry: Carry) -> None:
    """An answer that keeps coming, a byte each second, is lost when the total time is over."""
    time = 0.0

    def drip(connection: socket.socket, _: bytes) -> None:
        nonlocal time
        for byte in sized():
            time += 1.0
            connection.sendall(bytes([byte]))

    with Answerer(drip) as gateway:
        reception = carry(Gateway.parse(gateway.base_url), seconds=10.0, clock=lambda: time)
        assert gateway.endings.get(timeout=PATIENCE) == "reset"
    assert isinstance(reception, NoAnswer)
    assert reception.why is Break.DEADLINE


def by_hand(talk: Conversation) -> object:
    """Run a conversation to its end, waiting for readiness without a deadline of our own."""
    steps = talk.steps()
    try:
        while True:
            wait = next(steps)
            assert isinstance(wait, SocketWait)
            poller = select.poll()
            poller.register(wait.sock, wait.event)
            assert poller.poll(PATIENCE * 1000)
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize("answer", [sized(), chunked(OK)], ids=["length", "chunks"])
def test_answer_whose_last_byte_is_read_too_late_is_lost(answer: bytes) -> None:
    """A whole answer is lost if the deadline passes before its last byte is read."""

    def late() -> float:
        return 10.0 if talk._exchange.received == len(answer) else 0.0

    with Answerer(answers(answer[:-1], answer[-1:])) as server:
        talk = Conversation(
            Gateway.parse(server.base_url), Pool(0.0), REQUEST, deadline=10.0, clock=late
        )
        reception = by_hand(talk)
        assert server.endings.get(timeout=PATIENCE) == "reset"
    assert reception == NoAnswer(Reach.ANSWER_COMPLETE, Break.DEADLINE, "the total deadline passed")


def test_deadline_between_connecting_and_sending_sends_nothing() -> None:
    """If the time is over when the connection stands, not one byte of the request is sent."""

    def late() -> float:
        return 10.0 if talk._reach is Reach.NOTHING_SENT else 0.0

    with Answerer(stays_silent) as server:
        talk = Conversation(
            Gateway.parse(server.base_url), Pool(0.0), REQUEST, deadline=10.0, clock=late
        )
        reception = by_hand(talk)
        assert server.endings.get(timeout=PATIENCE) == "reset"
    assert reception == NoAnswer(Reach.NOTHING_SENT, Break.DEADLINE, "the total deadline passed")
    assert server.requests == []


def named(port: int) -> Gateway:
    """Return a gateway whose name must be looked up, without TLS."""
    return Gateway("http", "gateway.test", port, "", None, Network())


def found(*addresses: str) -> object:
    """Return a getaddrinfo that finds these."""

    def getaddrinfo(*_args: object, **_named: object) -> list[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, 0)) for address in addresses]

    return getaddrinfo


def test_addresses_are_tried_in_turn(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name's first address that connects is used; those before it cost only their share."""
    with Answerer(answers(sized())) as gateway:
        monkeypatch.setattr(socket, "getaddrinfo", found("::1", "127.0.0.2", "127.0.0.1"))
        reception = carry(named(gateway.port))
    assert isinstance(reception, RawAnswer)


def test_silent_address_takes_only_its_share(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that neither connects nor refuses leaves time for the next."""
    with unanswering_port() as port, Answerer(answers(sized()), place=("127.0.0.2", port)):
        monkeypatch.setattr(socket, "getaddrinfo", found("127.0.0.1", "127.0.0.2"))
        reception = carry(named(port), seconds=4 * SOON)
    assert isinstance(reception, RawAnswer)


def test_name_without_an_address_never_left(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up that fails, or finds nothing, proves that nothing left."""

    def fail(*_args: object, **_named: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "CANARY")

    for getaddrinfo in (fail, found()):
        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        reception = carry(named(1))
        assert isinstance(reception, NoAnswer)
        assert (reception.reach, reception.why) == (Reach.NOT_CONNECTED, Break.CONNECTION)
        assert "CANARY" not in reception.detail


def test_hanging_look_up_ends_at_the_deadline(
    carry: Carry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A resolver that hangs is left alone at the deadline; two callers share its one thread."""
    released = threading.Event()
    calls = []

    def hang(*_args: object, **_named: object) -> list[object]:
        calls.append(1)
        released.wait(PATIENCE)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    receptions = [carry(named(1), seconds=SOON / 2) for _ in range(2)]
    lookup = resolver.look_up("gateway.test")
    released.set()
    assert lookup.result(PATIENCE) == ()
    assert (
        receptions
        == [NoAnswer(Reach.NOT_CONNECTED, Break.DEADLINE, "the total deadline passed")] * 2
    )
    assert len(calls) == 1


def test_localhost_is_never_looked_up(carry: Carry, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hostile resolver can't lead plain http to localhost off this host."""
    calls: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **_: calls.append(args))
    with Answerer(answers(sized())) as gateway:
        reception = carry(Gateway.parse(f"http://localhost:{gateway.port}"))
    assert isinstance(reception, RawAnswer)
    assert calls == []


def test_request_is_sent_once_and_exactly(carry: Carry) -> None:
    """The request's bytes are what was given, between the wire's own fixed headers."""
    with Answerer(answers(sized())) as gateway:
        carry(Gateway.parse(gateway.base_url))
    (request,) = gateway.requests
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    names = [header.split(b": ")[0] for header in headers]
    assert body == REQUEST.body
    assert line == b"POST /smpy/kiccpay/reqAprv HTTP/1.1"
    assert len(set(names)) == len(names)
    assert {
        b"Host: 127.0.0.1:%d" % gateway.port,
        b"Content-Type: application/json; charset=utf-8",
        b"Accept: application/json",
        b"Accept-Encoding: identity",
        b"Connection: close",
        b"X-KICC-ChannelId: CH_A1B2C3D4",
        b"Content-Length: %d" % len(REQUEST.body),
    } < set(headers)


def test_prefix_stands_before_the_path(carry: Carry) -> None:
    """The base URL's own path goes before the request's, and changes nothing else."""
    with Answerer(answers(sized())) as gateway:
        carry(Gateway.parse(f"{gateway.base_url}/van/v1/"))
    assert gateway.requests[0].startswith(b"POST /van/v1/smpy/kiccpay/reqAprv HTTP/1.1\r\n")


def test_clock_counts_the_time_a_host_sleeps() -> None:
    """The clock of deadlines goes on while a machine is suspended, where the system can tell."""
    import time

    before = time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    now = clock.now()
    after = time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
    assert before <= now <= after
