"""A look at the gateway that asks for nothing: a connection, and one HEAD of its root.

The HEAD is none of the manual's requests: it has no signature, no body and no field, and its path
is none of the three. It is sent because a connection alone shows neither that HTTP is spoken behind
it (a balancer may accept for a gateway that is down) nor the gateway's clock.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import h11

from netcancel.wire import clock as host_clock
from netcancel.wire import sockets
from netcancel.wire.blocking import run
from netcancel.wire.connecting import FAILURES, READ_BYTES, Connecting, NotThere
from netcancel.wire.exchange import HEAD_BYTES_MAX, user_agent
from netcancel.wire.waiting import READ, WRITE, Patience, Steps

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from netcancel.wire.gateway import Gateway

ROOT = "/"


@dataclass(frozen=True, slots=True)
class Head:
    """What came back for the HEAD, and this host's time around it, in seconds since the epoch."""

    status: int
    date: str | None
    asked_at: float
    answered_at: float


@dataclass(frozen=True, slots=True)
class Sighting:
    """What was seen of a gateway; None for what the look didn't come to."""

    peer: str | None
    """The IP address that was connected to: the gateway's, or the proxy's."""
    tls_version: str | None
    certificate: bytes | None
    """In DER; also where its key is none of the pinned ones."""
    head: Head | None
    problem: str | None
    """Why the look went no further."""


def probe(
    gateway: Gateway, *, seconds: float, wall_clock: Callable[[], float] = time.time
) -> Sighting:
    """Look at the gateway within so many seconds; never raises for network or gateway."""
    return run(_Look(gateway, seconds, wall_clock).steps())


class _Look:
    def __init__(self, gateway: Gateway, seconds: float, wall_clock: Callable[[], float]) -> None:
        self._gateway = gateway
        self._wall_clock = wall_clock
        self._patience = Patience(host_clock.now() + seconds, host_clock.now)
        self._connecting = Connecting(gateway, self._patience)

    def steps(self) -> Steps[Sighting]:
        """Connect, ask, and drop the connection."""
        try:
            sock = yield from self._connecting.steps()
            sighting = self._sighting((yield from self._ask(sock)), None)
        except FAILURES as error:
            return self._sighting(None, self._connecting.failure(error).detail)
        else:
            self._connecting.sock = None
            sockets.close(sock)
            return sighting
        finally:
            self._connecting.drop()

    def _sighting(self, head: Head | None, problem: str | None) -> Sighting:
        sock = self._connecting.sock
        certificate = _certificate(sock)
        version = sock.version() if certificate and isinstance(sock, ssl.SSLSocket) else None
        return Sighting(_peer(sock), version, certificate, head, problem)

    def _ask(self, sock: socket.socket) -> Steps[Head]:
        http = h11.Connection(h11.CLIENT, max_incomplete_event_size=8 * HEAD_BYTES_MAX)
        unsent = memoryview(_encode(http, self._gateway))
        sockets.limit_sending(sock, self._patience.remaining())
        asked_at = self._wall_clock()
        while unsent:
            taken = yield from self._patience.work(partial(sock.send, unsent), sock, WRITE)
            unsent = unsent[taken:]
        answer = yield from self._receive(http, sock)
        date = next((value for name, value in answer.headers if name == b"date"), None)
        return Head(
            answer.status_code,
            None if date is None else date.decode("latin-1"),
            asked_at,
            self._wall_clock(),
        )

    def _receive(self, http: h11.Connection, sock: socket.socket) -> Steps[h11.Response]:
        received = 0
        while received <= HEAD_BYTES_MAX:
            try:
                event = http.next_event()
            except h11.RemoteProtocolError:
                raise NotThere("what came back is not HTTP/1.1") from None
            if isinstance(event, h11.Response):
                return event
            if event is h11.NEED_DATA:
                data = yield from self._patience.work(partial(sock.recv, READ_BYTES), sock, READ)
                if not data:
                    raise NotThere("the gateway closed the connection before it answered")
                received += len(data)
                http.receive_data(data)
        raise NotThere("the answer's headers are over the limit")


def _peer(sock: socket.socket | None) -> str | None:
    try:
        return None if sock is None else str(sock.getpeername()[0])
    except OSError:
        return None  # never connected


def _certificate(sock: socket.socket | None) -> bytes | None:
    """Return what the gateway showed, where the handshake came to its end."""
    try:
        return sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    except ValueError:
        return None


def _encode(http: h11.Connection, gateway: Gateway) -> bytes:
    request = h11.Request(
        method="HEAD",
        target=gateway.target(ROOT),
        headers=[
            ("Host", gateway.authority),
            ("User-Agent", user_agent()),
            ("Connection", "close"),
        ],
    )
    return (http.send(request) or b"") + (http.send(h11.EndOfMessage()) or b"")
