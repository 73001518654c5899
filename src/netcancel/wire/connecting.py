"""One connection on its way to the gateway: address, tunnel, TLS and pins.

A generator, as the exchange that follows: it works its socket, which never blocks, and yields what
it waits for.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from netcancel.kicc.raw import Break
from netcancel.wire import pins, resolver, sockets
from netcancel.wire.tunnel import Tunnel
from netcancel.wire.waiting import (
    READ,
    WRITE,
    DeadlinePassed,
    LookupWait,
    Patience,
    SocketWait,
    Steps,
)

if TYPE_CHECKING:
    from netcancel.wire.gateway import Gateway

ADDRESSES_MAX = 8
"""Addresses of one name that are tried; each gets a fair part of the time that is left."""
READ_BYTES = 64 * 1024
"""One read takes a usual answer whole, and no more than the limits allow."""

_BEFORE_THE_TUNNEL = " before the proxy had opened a tunnel"


class NotThere(Exception):
    """The connection isn't one to our gateway; its text is the detail. Caught within the wire."""


FAILURES = (DeadlinePassed, NotThere, OSError)
"""What a connection may raise; `failure` says what each means."""


class Failure(NamedTuple):
    """Why there is no answer, in a short English sentence without data of the request."""

    why: Break
    detail: str


class Connecting:
    """Makes one connection; `sock` is what is open so far."""

    def __init__(self, gateway: Gateway, patience: Patience) -> None:
        self._gateway = gateway
        self._network = gateway.network
        self._hop = gateway.network.route or gateway
        self._patience = patience
        self._stage = ""
        self.sock: socket.socket | None = None
        """Reset by `drop`, unless whoever is done with it takes it out."""

    def drop(self) -> None:
        """Reset what is open."""
        if self.sock is not None:
            sockets.reset(self.sock)

    def failure(self, error: Exception) -> Failure:
        """Say what one of `FAILURES` means; whatever the gateway sent is not in it."""
        match error:
            case DeadlinePassed():
                return Failure(Break.DEADLINE, f"the total deadline passed{self._stage}")
            case ssl.SSLCertVerificationError():
                refusal = f"the gateway's certificate was refused: {error.verify_message}"
                return Failure(Break.CONNECTION, refusal)
            case OSError():
                return Failure(Break.CONNECTION, f"the network failed{self._stage}: {_name(error)}")
            case _:
                return Failure(Break.CONNECTION, str(error))

    def steps(self) -> Steps[socket.socket]:
        """Connect; raises `FAILURES`."""
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
                sock = yield from self._dial(address, Patience(deadline, self._patience.clock))
            except (OSError, DeadlinePassed):
                if last:
                    raise
                self.drop()
            else:
                yield from self._tunnel(sock)
                return (yield from self._secure(sock))
        raise OSError("there is no address to connect to")

    def _look_up(self) -> Steps[resolver.Addresses]:
        future = resolver.look_up(self._hop.host)
        while not future.done():
            yield LookupWait(future, self._patience.wait())
        return future.result()

    def _dial(self, address: str, patience: Patience) -> Steps[socket.socket]:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        sock = self.sock = sockets.open_socket(family, self._network.source_address)
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
            taken = yield from self._patience.work(partial(sock.send, unsent), sock, WRITE)
            unsent = unsent[taken:]
        while not tunnel.is_open:
            data = yield from self._patience.work(partial(sock.recv, READ_BYTES), sock, READ)
            refusal = tunnel.receive(data)
            if refusal is not None:
                raise NotThere(refusal)
            self._patience.remaining()
        self._stage = ""

    def _secure(self, sock: socket.socket) -> Steps[socket.socket]:
        if self._gateway.tls is None:
            return sock
        secure = self.sock = self._gateway.tls.wrap_socket(
            sock, server_hostname=self._gateway.host, do_handshake_on_connect=False
        )
        sockets.track(secure)
        yield from self._patience.work(secure.do_handshake, secure, READ)
        self._check_pins(secure)
        return secure

    def _check_pins(self, secure: ssl.SSLSocket) -> None:
        wanted = self._network.pins
        if wanted and not pins.fits(secure.getpeercert(binary_form=True), wanted):
            raise NotThere("the gateway's public key is none of the pinned ones")


def _name(error: OSError) -> str:
    """Return a short name of the error without any data of the connection."""
    if isinstance(error, ssl.SSLError):
        return f"TLS, {error.reason or type(error).__name__}"
    if isinstance(error, socket.gaierror):
        return "the name has no address"
    if error.errno is not None:
        return errno.errorcode.get(error.errno, type(error).__name__)
    return str(error)
