"""One exchange over one socket, written once for the blocking and the awaiting transport.

A generator: it works its socket, which never blocks, and yields what it waits for; a transport is
a loop that waits. Whatever network and gateway do becomes a Reception. If it is closed before its
end (Ctrl-C, a cancelled task, a dying loop) the connection is reset.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach, Reception
from netcancel.wire import pins, resolver, sockets
from netcancel.wire.exchange import Exchange, Fault, Request
from netcancel.wire.tunnel import Tunnel

if TYPE_CHECKING:
    from concurrent.futures import Future

    from netcancel.wire.gateway import Gateway
    from netcancel.wire.pool import Pool

READ = select.POLLIN
WRITE = select.POLLOUT

ADDRESSES_MAX = 8
"""Addresses of one name that are tried; each gets a fair part of the time that is left."""
LONGEST_WAIT_SECONDS = 3600.0
"""Longer ones are asked for again: poll counts milliseconds in 32 bits."""
_READ_BYTES = 64 * 1024
"""One read takes a usual answer whole, and no more than the limits allow."""

_BEFORE_THE_TUNNEL = " before the proxy had opened a tunnel"

_T = TypeVar("_T")


class SocketWait(NamedTuple):
    """Wait until the socket can be read or written (`READ`, `WRITE`), or the seconds are over."""

    sock: socket.socket
    event: int
    seconds: float


class LookupWait(NamedTuple):
    """Wait until the future is done, or the seconds are over."""

    future: Future[resolver.Addresses]
    seconds: float


Wait: TypeAlias = SocketWait | LookupWait
Steps: TypeAlias = Generator[Wait, None, _T]
"""Yields waits; is resumed after each, whether it was fulfilled or not; returns a _T."""


class _NotThere(Exception):
    """The connection isn't one to our gateway; its text is the detail. Caught in this file."""


class _DeadlinePassed(Exception):
    """The time is over; caught in this file: silence has a verdict of its own."""


@dataclass(slots=True)
class _Patience:
    """The total deadline, and the clock that it is a point of."""

    deadline: float
    clock: Callable[[], float]

    def remaining(self) -> float:
        """Return the seconds left, more than 0; raises _DeadlinePassed."""
        seconds = self.deadline - self.clock()
        if seconds <= 0:
            raise _DeadlinePassed
        return seconds

    def wait(self) -> float:
        """Return how long to wait at most; raises _DeadlinePassed."""
        return min(self.remaining(), LONGEST_WAIT_SECONDS)


class Conversation:
    """One request on its way, on one connection."""

    def __init__(
        self,
        gateway: Gateway,
        pool: Pool,
        request: Request,
        *,
        deadline: float,
        clock: Callable[[], float],
    ) -> None:
        self._gateway = gateway
        self._network = gateway.network
        self._hop = gateway.network.route or gateway
        self._stage = ""
        self._pool = pool
        self._patience = _Patience(deadline, clock)
        self._exchange = Exchange(request, gateway=gateway, keep_alive=pool.keeps)
        self._reach = Reach.NOT_CONNECTED
        self._sock: socket.socket | None = None

    def steps(self) -> Steps[Reception]:
        """Run the exchange: connect, send, receive, and keep, close or reset the connection."""
        try:
            answer = yield from self._converse()
        except _DeadlinePassed:
            return self._no_answer(Break.DEADLINE, f"the total deadline passed{self._stage}")
        except ssl.SSLCertVerificationError as error:
            refusal = f"the gateway's certificate was refused: {error.verify_message}"
            return self._no_answer(Break.CONNECTION, refusal)
        except _NotThere as error:
            return self._no_answer(Break.CONNECTION, str(error))
        except OSError as error:
            failure = f"the network failed{self._stage}: {_name(error)}"
            return self._no_answer(Break.CONNECTION, failure)
        else:
            return answer
        finally:
            self._drop()

    def _drop(self) -> None:
        if self._sock is not None:
            sockets.reset(self._sock)

    def _converse(self) -> Steps[Reception]:
        self._patience.remaining()
        sock = self._sock = self._pool.take(self._patience.clock())
        if sock is None:
            sock = yield from self._connect()
        self._reach = Reach.NOTHING_SENT
        yield from self._send(sock)
        result = yield from self._receive(sock)
        if isinstance(result, Fault):
            return self._no_answer(result.why, result.detail)
        self._sock = None
        if self._pool.keeps and self._exchange.reusable:
            self._pool.put(sock, self._patience.clock())
        else:
            sockets.close(sock)
        return result

    def _connect(self) -> Steps[socket.socket]:
        if self._network.route is not None:
            self._stage = _BEFORE_THE_TUNNEL
        addresses = self._hop.literal_addresses
        if not addresses:
            addresses = yield from self._look_up()
        addresses = self._network.reachable(addresses)[:ADDRESSES_MAX]
        for tried, address in enumerate(addresses, start=1):
            last = tried == len(addresses)
            part = self._patience.remaining() / (len(addresses) - tried + 1)
            deadline = self._patience.clock() + part if not last else self._patience.deadline
            try:
                sock = yield from self._dial(address, _Patience(deadline, self._patience.clock))
            except (OSError, _DeadlinePassed):
                if last:
                    raise
                self._drop()
            else:
                yield from self._tunnel(sock)
                return (yield from self._secure(sock))
        raise OSError("there is no address to connect to")

    def _look_up(self) -> Steps[resolver.Addresses]:
        future = resolver.look_up(self._hop.host)
        while not future.done():
            yield LookupWait(future, self._patience.wait())
        return future.result()

    def _dial(self, address: str, patience: _Patience) -> Steps[socket.socket]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self._sock = sockets.open_socket(family, self._network.source_address)
        code = sock.connect_ex((address, self._hop.port))
        while code in (errno.EINPROGRESS, errno.EALREADY):
            yield SocketWait(sock, WRITE, patience.wait())
            # Asked again, connect tells whether it is done: EISCONN is its success.
            code = sock.connect_ex((address, self._hop.port))
        if code not in (0, errno.EISCONN):
            raise OSError(code, os.strerror(code))
        return sock

    def _tunnel(self, sock: socket.socket) -> Steps[None]:
        if self._network.route is None:
            return
        tunnel = Tunnel(self._network.route, self._gateway.endpoint)
        unsent = memoryview(tunnel.outgoing)
        while unsent:
            taken = yield from self._patiently(partial(sock.send, unsent), sock, WRITE)
            unsent = unsent[taken:]
        while not tunnel.is_open:
            data = yield from self._patiently(partial(sock.recv, _READ_BYTES), sock, READ)
            refusal = tunnel.receive(data)
            if refusal is not None:
                raise _NotThere(refusal)
            self._patience.remaining()
        self._stage = ""

    def _secure(self, sock: socket.socket) -> Steps[socket.socket]:
        if self._gateway.tls is None:
            return sock
        secure = self._sock = self._gateway.tls.wrap_socket(
            sock, server_hostname=self._gateway.host, do_handshake_on_connect=False
        )
        sockets.track(secure)
        yield from self._patiently(secure.do_handshake, secure, READ)
        self._check_pins(secure)
        return secure

    def _check_pins(self, secure: ssl.SSLSocket) -> None:
        wanted = self._network.pins
        if wanted and not pins.fits(secure.getpeercert(binary_form=True), wanted):
            raise _NotThere("the gateway's public key is none of the pinned ones")

    def _send(self, sock: socket.socket) -> Steps[None]:
        sockets.limit_sending(sock, self._patience.remaining())
        unsent = memoryview(self._exchange.outgoing)
        if isinstance(sock, ssl.SSLSocket):
            # Of a record that TLS couldn't write whole, some bytes may have left.
            self._reach = Reach.PARTLY_SENT
        while unsent:
            taken = yield from self._patiently(partial(sock.send, unsent), sock, WRITE)
            self._reach = Reach.PARTLY_SENT
            unsent = unsent[taken:]
        self._reach = Reach.SENT

    def _receive(self, sock: socket.socket) -> Steps[RawAnswer | Fault]:
        result: RawAnswer | Fault | None = None
        while result is None:
            data = yield from self._patiently(partial(sock.recv, _READ_BYTES), sock, READ)
            if data:
                self._reach = Reach.ANSWER_BEGUN
            result = self._exchange.receive(data)
            if isinstance(result, RawAnswer):
                self._reach = Reach.ANSWER_COMPLETE
            # What was read too late is lost, even if it had lain in a buffer for long.
            self._patience.remaining()
        return result

    def _patiently(self, operation: Callable[[], _T], sock: socket.socket, event: int) -> Steps[_T]:
        while True:
            try:
                return operation()
            except ssl.SSLWantReadError:
                event = READ
            except ssl.SSLWantWriteError:
                event = WRITE
            except (BlockingIOError, InterruptedError):
                pass
            yield SocketWait(sock, event, self._patience.wait())

    def _no_answer(self, why: Break, detail: str) -> NoAnswer:
        return NoAnswer(self._reach, why, detail)


def _name(error: OSError) -> str:
    """Return a short name of the error without any data of the connection."""
    if isinstance(error, ssl.SSLError):
        return f"TLS, {error.reason or type(error).__name__}"
    if isinstance(error, socket.gaierror):
        return "the name has no address"
    if error.errno is not None:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return str(error)
