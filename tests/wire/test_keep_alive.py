"""Connections that are used again, and those that must not be."""

from __future__ import annotations

import queue
import select
import socket
import threading
from typing import TYPE_CHECKING

import pytest

from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach
from netcancel.wire import BlockingTransport, Gateway, clock
from netcancel.wire.pool import IDLE_MAX, Pool
from tests.wire.answerer import PATIENCE, Answerer, answers, reset
from tests.wire.conftest import REQUEST
from tests.wire.zoo import JSON, OK, chunked, sized

if TYPE_CHECKING:
    from tests.wire.conftest import Carry

KEPT = 60.0


def wait_until_idle_is_readable(connections: list[socket.socket]) -> None:
    """Wait until the other side's close has reached each of these sockets."""
    for sock in connections:
        poller = select.poll()
        poller.register(sock, select.POLLIN)
        assert poller.poll(PATIENCE * 1000)


def test_each_request_has_a_fresh_connection_by_default(carry: Carry) -> None:
    """Without keep-alive nothing is used twice, even if the gateway would."""
    with Answerer(answers(sized())) as server:
        gateway = Gateway.parse(server.base_url)
        assert all(isinstance(carry(gateway), RawAnswer) for _ in range(3))
    assert (len(server.requests), server.connections) == (3, 3)
    assert all(b"\r\nConnection: close\r\n" in request for request in server.requests)


@pytest.mark.parametrize("answer", [sized(), chunked(OK)], ids=["length", "chunks"])
def test_kept_connection_is_used_again(carry: Carry, answer: bytes) -> None:
    """With keep-alive the next request goes over the same connection."""
    with Answerer(answers(answer)) as server:
        gateway = Gateway.parse(server.base_url)
        assert all(isinstance(carry(gateway, keep_alive_seconds=KEPT), RawAnswer) for _ in "abc")
        assert (len(server.requests), server.connections) == (3, 1)
    assert not any(b"Connection:" in request for request in server.requests)


@pytest.mark.parametrize(
    "answer",
    [
        sized(extra=b"Connection: close\r\n"),
        sized(head=b"HTTP/1.0 200 OK\r\n"),
        sized() + b"HTTP/1.1 200 OK\r\n",
        sized() + b"\r\n",
        JSON + b"Content-Length: 5\r\n\r\n" + OK,
    ],
    ids=["close", "HTTP/1.0", "second answer", "empty line", "short length"],
)
def test_odd_connection_is_not_used_again(carry: Carry, answer: bytes) -> None:
    """After a close that was announced, or bytes behind the answer, a fresh one is taken."""
    with Answerer(answers(answer)) as server:
        gateway = Gateway.parse(server.base_url)
        assert all(isinstance(carry(gateway, keep_alive_seconds=KEPT), RawAnswer) for _ in "ab")
        assert (len(server.requests), server.connections) == (2, 2)


@pytest.mark.parametrize("ending", ["close", "reset", "bytes"])
def test_stale_connection_is_replaced_and_the_request_sent_once(
    ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kept connection that the gateway closed, or spoke on, is dropped before the request."""
    go: queue.Queue[None] = queue.Queue()

    def act(connection: socket.socket, _: bytes) -> bool:
        connection.sendall(sized())
        if server.connections == 1:
            go.get(timeout=PATIENCE)
            if ending == "reset":
                reset(connection)
            elif ending == "close":
                connection.shutdown(socket.SHUT_WR)
            else:
                connection.sendall(b"!")
        return True

    idle: list[socket.socket] = []
    put = Pool.put

    def noting_put(pool: Pool, sock: socket.socket, now: float) -> None:
        idle.append(sock)
        put(pool, sock, now)

    monkeypatch.setattr(Pool, "put", noting_put)
    with Answerer(act) as server:
        transport = BlockingTransport(Gateway.parse(server.base_url), keep_alive_seconds=KEPT)
        first = transport.exchange(REQUEST, deadline=clock.now() + PATIENCE)
        go.put(None)
        wait_until_idle_is_readable(idle)
        second = transport.exchange(REQUEST, deadline=clock.now() + PATIENCE)
        transport.close()
        assert isinstance(first, RawAnswer)
        assert isinstance(second, RawAnswer)
    assert (len(server.requests), server.connections) == (2, 2)


def test_connection_that_breaks_under_the_request_is_not_tried_again(carry: Carry) -> None:
    """A kept connection that closes after the request came is a lost answer: no second sending."""

    def act(connection: socket.socket, _: bytes) -> bool:
        if len(server.requests) > 1:
            connection.shutdown(socket.SHUT_WR)
        else:
            connection.sendall(sized())
        return True

    with Answerer(act) as server:
        gateway = Gateway.parse(server.base_url)
        carry(gateway, keep_alive_seconds=KEPT)
        second = carry(gateway)
        assert isinstance(second, NoAnswer)
        assert (second.reach, second.why) == (Reach.SENT, Break.CONNECTION)
    assert (len(server.requests), server.connections) == (2, 1)


def test_deadline_that_has_passed_leaves_the_kept_connection_alone(carry: Carry) -> None:
    """An exchange after its deadline takes no connection, and costs the next one none."""
    with Answerer(answers(sized())) as server:
        gateway = Gateway.parse(server.base_url)
        carry(gateway, keep_alive_seconds=KEPT)
        late = carry(gateway, seconds=0.0)
        assert isinstance(late, NoAnswer)
        assert late.never_left
        assert isinstance(carry(gateway), RawAnswer)
    assert (len(server.requests), server.connections) == (2, 1)


def test_old_connection_is_not_used_again(carry: Carry) -> None:
    """A connection that was idle for the whole keep-alive time is closed."""
    times: list[float] = []
    with Answerer(answers(sized())) as server:
        gateway = Gateway.parse(server.base_url)
        for moment in (0.0, 59.9, 119.9):
            times.append(moment)
            answer = carry(gateway, keep_alive_seconds=KEPT, clock=lambda: times[-1])
            assert isinstance(answer, RawAnswer)
        assert (len(server.requests), server.connections) == (3, 2)


def pairs(count: int) -> list[tuple[socket.socket, socket.socket]]:
    """Return connected sockets."""
    return [socket.socketpair() for _ in range(count)]


def test_youngest_is_taken_first_and_the_oldest_dropped() -> None:
    """The pool is last in, first out, and holds a limited number."""
    pool = Pool(KEPT)
    made = pairs(IDLE_MAX + 2)
    for age, (ours, _) in enumerate(made):
        pool.put(ours, float(age) / 1000)
    assert pool.take(1.0) is made[-1][0]
    assert [ours.fileno() for ours, _ in made[:2]] == [-1, -1]
    assert made[2][0].fileno() != -1
    pool.close()
    assert all(ours.fileno() == -1 for ours, _ in made[:-1])
    for ours, theirs in made:
        ours.close()
        theirs.close()


def test_closed_pool_keeps_nothing() -> None:
    """What comes back after the transport was closed isn't kept."""
    pool = Pool(KEPT)
    pool.close()
    ours, theirs = socket.socketpair()
    pool.put(ours, 0.0)
    assert ours.fileno() == -1
    assert pool.take(0.0) is None
    theirs.close()


def test_threads_never_share_a_connection() -> None:
    """Many threads over one keeping transport: each answer is to its own request."""
    rounds, threads = 50, 8

    def act(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(sized(request.rpartition(b"\r\n\r\n")[2]))
        return True

    wrong: list[object] = []

    def work(name: int) -> None:
        for number in range(rounds):
            body = b"%d-%d" % (name, number)
            request = type(REQUEST)("/a", (), body)
            answer = transport.exchange(request, deadline=clock.now() + PATIENCE)
            if not isinstance(answer, RawAnswer) or answer.body != body:
                wrong.append(answer)

    with Answerer(act) as server:
        transport = BlockingTransport(Gateway.parse(server.base_url), keep_alive_seconds=KEPT)
        workers = [threading.Thread(target=work, args=(name,)) for name in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(PATIENCE)
        transport.close()
    assert wrong == []
    assert len(server.requests) == rounds * threads
    assert server.connections <= threads
