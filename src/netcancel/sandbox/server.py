"""Connections: requests are read by h11 under limits, answers leave on the raw socket."""

import asyncio
import re
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Final

import h11

from netcancel.sandbox.delivery import Delivery, Ending, plain
from netcancel.sandbox.gateway import Gateway, Reaction, Received, http_refusal

HEAD_BYTES_MAX: Final = 16_384
BODY_BYTES_MAX: Final = 65_536

HEAD_END: Final = re.compile(rb"\n\r?\n")
FOLDED_LINE: Final = re.compile(rb"\n[ \t]")
FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
ADMIN_PREFIX: Final = "/_sandbox/"
NEVER: Final = float("inf")
TURNS_OF_AN_ACCEPT: Final = 10
"""asyncio takes about five turns of its loop from a new socket to a connection that was cut."""

Handler = Callable[[Received], Reaction]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long and how many, each with its reason."""

    read_seconds: float = 10.0
    """For a whole request, from its first byte: a client that drips headers is cut off."""
    idle_seconds: float = 60.0
    """For an unused connection, also between two requests."""
    closing_seconds: float = 2.0
    """After our last byte we read on this long: closing at once would reset the answer away."""
    sweep_seconds: float = 1.0
    """How often the connections whose time is up are looked for."""
    connections_max: int = 800
    """Below the usual 1,024 open files of a process, which a test may share with its clients."""


class Phase(Enum):
    """What a connection is doing."""

    READING = "reading"
    ANSWERING = "answering"
    ENDING = "ending"


class Server:
    """One listening socket and its connections, on the running event loop."""

    def __init__(
        self, gateway: Gateway, handle_admin: Handler, *, limits: Limits | None = None
    ) -> None:
        """Take the gateway and what answers the paths of administration."""
        self.limits = limits or Limits()
        self.gateway = gateway
        self.handle_admin = handle_admin
        self.connections: set[Connection] = set()
        self.is_stopping = False
        self._listener: asyncio.Server | None = None
        self._timers: set[asyncio.TimerHandle] = set()

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen; return the address and port that were bound."""
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: Connection(self), host, port, backlog=512)
        self._sweep()
        address = self._listener.sockets[0].getsockname()
        return address[0], address[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection, those too that are just being accepted."""
        self.is_stopping = True
        for timer in self._timers:
            timer.cancel()
        for connection in tuple(self.connections):
            connection.cut()
        if self._listener is not None:
            await self._stop_listening(self._listener)

    @staticmethod
    async def _stop_listening(listener: asyncio.Server) -> None:
        # A listener that is closed while asyncio makes a connection leaks that connection: so no
        # new one is begun first, then those that were are waited for.
        loop = asyncio.get_running_loop()
        for listening in listener.sockets:
            loop.remove_reader(listening.fileno())
        for _ in range(TURNS_OF_AN_ACCEPT):
            await asyncio.sleep(0)
        listener.close()

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something after some seconds, unless the server is stopped before."""

        def fire() -> None:
            self._timers.discard(timer)
            work()

        timer = asyncio.get_running_loop().call_later(seconds, fire)
        self._timers.add(timer)

    def _sweep(self) -> None:
        """Cut the connections whose time is up, and look again soon."""
        now = asyncio.get_running_loop().time()
        for connection in tuple(self.connections):
            if connection.deadline < now:
                connection.cut()
        self.later(self.limits.sweep_seconds, self._sweep)


class Connection(asyncio.Protocol):
    """One client: collects a request, hands it over, sends what comes back."""

    def __init__(self, server: Server) -> None:
        """Belong to a server; nothing is read yet."""
        self._server = server
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self.deadline = NEVER
        self._expect_request()

    def _expect_request(self) -> None:
        self._parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES_MAX)
        self._head = b""
        self._request: h11.Request | None = None
        self._headers: tuple[tuple[str, str], ...] = ()
        self._body = bytearray()
        self._phase = Phase.READING
        self.deadline = self._loop.time() + self._server.limits.idle_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Accept, unless there are too many or the server is about to end."""
        if not isinstance(transport, asyncio.Transport):
            message = "a stream transport was expected"
            raise TypeError(message)
        self._transport = transport
        self._peer = str(transport.get_extra_info("peername")[0])
        self._server.connections.add(self)
        is_full = len(self._server.connections) > self._server.limits.connections_max
        if is_full or self._server.is_stopping:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        """Forget the connection."""
        self._phase = Phase.ENDING
        self._server.connections.discard(self)

    def eof_received(self) -> bool:
        """Keep a half-closed connection open while its answer is on the way."""
        return self._phase is Phase.ANSWERING

    def cut(self) -> None:
        """Drop the connection without another byte."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Collect; what comes while a request is being answered is dropped, not pipelined."""
        if self._phase is not Phase.READING:
            return
        if self._request is None:
            if not self._head:
                self.deadline = self._loop.time() + self._server.limits.read_seconds
            self._head += data
            data = self._checked_head()
        if data:
            self._feed(data)

    def _checked_head(self) -> bytes:
        """Return everything read so far once the head is whole and clean, else nothing."""
        end = HEAD_END.search(self._head)
        if (end.end() if end else len(self._head)) > HEAD_BYTES_MAX:
            self._refuse(431, "headers too large")
        elif end and FOLDED_LINE.search(self._head, 0, end.end()):
            self._refuse(400, "folded header line")
        elif end:
            return self._head
        return b""

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.receive_data(data)
            while self._phase is Phase.READING:
                event = self._parser.next_event()
                if event is h11.NEED_DATA or event is h11.PAUSED:
                    return
                self._take(event)
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint, "malformed request")

    def _take(self, event: object) -> None:
        if isinstance(event, h11.Request):
            self._begin(event)
        elif isinstance(event, h11.Data):
            self._body += event.data
            if len(self._body) > BODY_BYTES_MAX:
                self._refuse(413, "body too large")
        elif isinstance(event, h11.EndOfMessage):
            self._finish()
        elif isinstance(event, h11.ConnectionClosed):
            self.cut()

    def _begin(self, request: h11.Request) -> None:
        self._request = request
        self._headers = tuple(
            (name.decode("latin-1").lower(), value.decode("latin-1"))
            for name, value in request.headers.raw_items()
        )
        framing = {name: value for name, value in self._headers if name in FRAMING}
        if request.http_version != b"1.1":
            self._refuse(400, "HTTP/1.1 only")
        elif len(framing) > 1:
            self._refuse(400, "Content-Length and Transfer-Encoding")
        elif int(framing.get("content-length", "0")) > BODY_BYTES_MAX:
            self._refuse(413, "body too large")
        elif self._parser.they_are_waiting_for_100_continue:
            self._transport.write(CONTINUE)

    def _finish(self) -> None:
        request = self._request
        if request is None:
            message = "a body without a request"
            raise RuntimeError(message)
        self._phase = Phase.ANSWERING
        self.deadline = NEVER
        pipelined = bool(self._parser.trailing_data[0])
        received = Received(
            method=request.method.decode("latin-1"),
            target=request.target.decode("latin-1"),
            headers=self._headers,
            body=bytes(self._body),
            keep_alive=not pipelined and self._parser.their_state is not h11.MUST_CLOSE,
            peer=self._peer,
        )
        is_admin = received.target.startswith(ADMIN_PREFIX)
        reaction = (self._server.handle_admin if is_admin else self._server.gateway.receive)(
            received
        )
        self._react(reaction)

    def _react(self, reaction: Reaction) -> None:
        ticket = reaction.ticket
        if ticket is not None:
            work = self._server.gateway.work_parked
            self._server.later(reaction.seconds, lambda: work(ticket))
        self._deliver(reaction.delivery, 0)

    def _refuse(self, status: int, message: str) -> None:
        self._phase = Phase.ANSWERING
        self._deliver(plain(http_refusal(status, message)), 0)

    def _deliver(self, delivery: Delivery, at: int) -> None:
        """Send the pieces from `at` on, with their pauses, then end."""
        if self._transport.is_closing():
            return
        if at == len(delivery.pieces):
            self._end(delivery.ending)
        elif delivery.pause_seconds:
            self._server.later(delivery.pause_seconds, lambda: self._deliver_one(delivery, at))
        else:
            self._transport.write(b"".join(delivery.pieces))
            self._end(delivery.ending)

    def _deliver_one(self, delivery: Delivery, at: int) -> None:
        if not self._transport.is_closing():
            self._transport.write(delivery.pieces[at])
            self._deliver(delivery, at + 1)

    def _end(self, ending: Ending) -> None:
        """End as told; while it isn't closed, what the peer still sends is dropped."""
        if ending is Ending.KEEP:
            self._expect_request()
            return
        self._phase = Phase.ENDING
        if ending is Ending.RESET:
            _reset(self._transport)
        elif ending is Ending.CLOSE:
            with suppress(OSError):  # a client that has left resets what it gets
                self._transport.write_eof()
            self.deadline = self._loop.time() + self._server.limits.closing_seconds


def _reset(transport: asyncio.Transport) -> None:
    connected = transport.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
