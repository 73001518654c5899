"""A CONNECT proxy for the tests of the wire; an Answerer whose requests are heads only."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING

from tests.wire.answerer import Answerer, read_head

if TYPE_CHECKING:
    from collections.abc import Callable

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def proxying(act: Callable[[socket.socket, bytes], bool | None]) -> Answerer:
    """Return a proxy that does this with each CONNECT."""
    return Answerer(act, read=read_head)


def relaying(
    port: int, opening: bytes = ESTABLISHED, before: Callable[[], None] = lambda: None
) -> Answerer:
    """Return a proxy whose tunnels end at this port of ours, whatever it is asked for.

    `before` is called before a tunnel is opened.
    """

    def act(connection: socket.socket, _: bytes) -> None:
        with socket.socket() as onward:
            onward.connect(("127.0.0.1", port))
            before()
            connection.sendall(opening)
            _relay(connection, onward)

    return proxying(act)


def _relay(one: socket.socket, other: socket.socket) -> None:
    """Copy in both directions until both sides have ended."""
    ends = {one.fileno(): (one, other), other.fileno(): (other, one)}
    poller = select.poll()
    for descriptor in ends:
        poller.register(descriptor, select.POLLIN)
    while ends:
        for descriptor, _ in poller.poll():
            source, target = ends[descriptor]
            data = source.recv(65536)
            if data:
                target.sendall(data)
            else:
                target.shutdown(socket.SHUT_WR)
                poller.unregister(descriptor)
                del ends[descriptor]
