"""Idle connections that may carry one more request; without keep-alive it stays empty."""

from __future__ import annotations

import select
import ssl
from collections import deque
from typing import TYPE_CHECKING

from netcancel.wire import sockets

if TYPE_CHECKING:
    import socket

IDLE_MAX = 64
"""As many connections as recovery has calls in flight; more would only grow old."""


class Pool:
    """Idle connections, the youngest taken first; safe to share between threads and tasks."""

    def __init__(self, keep_alive_seconds: float) -> None:
        self._seconds = keep_alive_seconds
        # One step of a deque is atomic; a lock could be held by another thread while we fork.
        self._idle: deque[tuple[float, socket.socket]] = deque()

    @property
    def keeps(self) -> bool:
        """Whether connections are kept at all."""
        return self._seconds > 0

    def take(self, now: float) -> socket.socket | None:
        """Return a connection that is open and silent, or None; the others are closed."""
        while self._idle:
            try:
                since, sock = self._idle.pop()
            except IndexError:
                return None
            if now - since < self._seconds and _is_silent(sock):
                return sock
            sockets.close(sock)
        return None

    def put(self, sock: socket.socket, now: float) -> None:
        """Keep a connection whose last answer was whole; closes the oldest over the limit."""
        self._idle.append((now, sock))
        if len(self._idle) > IDLE_MAX or not self.keeps:
            self._drop_oldest()

    def close(self) -> None:
        """Close what is idle, and keep nothing from now on."""
        self._seconds = 0.0
        while self._idle:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        try:
            _, sock = self._idle.popleft()
        except IndexError:
            return
        sockets.close(sock)


def _is_silent(sock: socket.socket) -> bool:
    # Readable means closed by the other side, or bytes that no request of ours asked for.
    # A forked child finds its copies closed (-1).
    if sock.fileno() < 0 or (isinstance(sock, ssl.SSLSocket) and sock.pending()):
        return False
    poller = select.poll()
    poller.register(sock, select.POLLIN)
    return not poller.poll(0)
