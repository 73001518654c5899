"""One exchange over one socket, written once for the blocking and the awaiting transport.

A generator: it works its socket, which never blocks, and yields what it waits for; a transport is
a loop that waits. Whatever network and gateway do becomes a Reception. If it is closed before its
end (Ctrl-C, a cancelled task, a dying loop) the connection is reset.
"""

from __future__ import annotations

import ssl
from functools import partial
from typing import TYPE_CHECKING

from netcancel.kicc.raw import NoAnswer, RawAnswer, Reach, Reception
from netcancel.wire import sockets
from netcancel.wire.connecting import FAILURES, READ_BYTES, Connecting
from netcancel.wire.exchange import Exchange, Fault, Request
from netcancel.wire.waiting import READ, WRITE, Patience, Steps

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

    from netcancel.wire.gateway import Gateway
    from netcancel.wire.pool import Pool


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
        self._pool = pool
        self._patience = Patience(deadline, clock)
        self._connecting = Connecting(gateway, self._patience)
        self._exchange = Exchange(request, gateway=gateway, keep_alive=pool.keeps)
        self._reach = Reach.NOT_CONNECTED

    def steps(self) -> Steps[Reception]:
        """Run the exchange: connect, send, receive, and keep, close or reset the connection."""
        try:
            return (yield from self._converse())
        except FAILURES as error:
            return NoAnswer(self._reach, *self._connecting.failure(error))
        finally:
            self._connecting.drop()

    def _converse(self) -> Steps[Reception]:
        self._patience.remaining()
        sock = self._connecting.sock = self._pool.take(self._patience.clock())
        if sock is None:
            sock = yield from self._connecting.steps()
        self._reach = Reach.NOTHING_SENT
        yield from self._send(sock)
        result = yield from self._receive(sock)
        if isinstance(result, Fault):
            return NoAnswer(self._reach, result.why, result.detail)
        self._connecting.sock = None
        if self._pool.keeps and self._exchange.reusable:
            self._pool.put(sock, self._patience.clock())
        else:
            sockets.close(sock)
        return result

    def _send(self, sock: socket.socket) -> Steps[None]:
        sockets.limit_sending(sock, self._patience.remaining())
        unsent = memoryview(self._exchange.outgoing)
        if isinstance(sock, ssl.SSLSocket):
            # Of a record that TLS couldn't write whole, some bytes may have left.
            self._reach = Reach.PARTLY_SENT
        while unsent:
            taken = yield from self._patience.work(partial(sock.send, unsent), sock, WRITE)
            self._reach = Reach.PARTLY_SENT
            unsent = unsent[taken:]
        self._reach = Reach.SENT

    def _receive(self, sock: socket.socket) -> Steps[RawAnswer | Fault]:
        result: RawAnswer | Fault | None = None
        while result is None:
            data = yield from self._patience.work(partial(sock.recv, READ_BYTES), sock, READ)
            if data:
                self._reach = Reach.ANSWER_BEGUN
            result = self._exchange.receive(data)
            if isinstance(result, RawAnswer):
                self._reach = Reach.ANSWER_COMPLETE
            # What was read too late is lost, even if it had lain in a buffer for long.
            self._patience.remaining()
        return result
