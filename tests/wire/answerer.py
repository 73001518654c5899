"""A raw-socket gateway for the tests of the wire: it reads one request, then does as it is told."""

from __future__ import annotations

import contextlib
import queue
import re
import socket
import struct
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

PATIENCE = 20.0
"""Seconds after which a test that waits for a signal has failed; never how long one takes."""

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: (\d+)\r\n")


class Answerer:
    """Listens on loopback; each connection has a thread, each whole request is answered by `act`.

    `act(connection, request)` returns True where the connection goes on to the next request.
    """

    def __init__(
        self,
        act: Callable[[socket.socket, bytes], bool | None],
        *,
        tls: ssl.SSLContext | None = None,
        place: tuple[str, int] = ("127.0.0.1", 0),
        read: Callable[[socket.socket], bytes] | None = None,
    ) -> None:
        self._act = act
        self._read = read or read_request
        self._tls = tls
        self.requests: list[bytes] = []
        self.connections = 0
        self.peers: list[str] = []
        """The IP address that each connection came from."""
        self.arrived: queue.Queue[bytes] = queue.Queue()
        """Each request, when it is whole."""
        self.endings: queue.Queue[str] = queue.Queue()
        """How each connection ended, seen from here: "closed" or "reset"."""
        self._threads: list[threading.Thread] = []
        self._live: list[socket.socket] = []
        self._listener = socket.socket()
        self._listener.bind(place)
        self._listener.listen(64)
        self.port: int = self._listener.getsockname()[1]
        self.base_url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._live:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, (peer, _) = self._listener.accept()
                self.connections += 1
                self.peers.append(peer)
                self._live.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._live.append(connection)
            goes_on: bool | None = True
            while goes_on and (request := self._read(connection)):
                self.requests.append(request)
                self.arrived.put(request)
                goes_on = self._act(connection, request)
            drain(connection)
            self.endings.put("closed")
        except OSError:
            self.endings.put("reset")
        finally:
            connection.close()


def read_request(connection: socket.socket) -> bytes:
    """Read one request; returns what came where the client closes before its end."""
    request = b""
    while True:
        head, separator, body = request.partition(b"\r\n\r\n")
        length = _LENGTH.search(head + b"\r\n")
        if separator and length and len(body) >= int(length[1]):
            return request
        data = connection.recv(65536)
        if not data:
            return request
        request += data


def read_head(connection: socket.socket) -> bytes:
    """Read a request that has no body."""
    head = b""
    while b"\r\n\r\n" not in head:
        data = connection.recv(65536)
        if not data:
            return head
        head += data
    return head


def drain(connection: socket.socket) -> int:
    """Read until the client closes; returns how many bytes came, raises if it resets."""
    count = 0
    while data := connection.recv(65536):
        count += len(data)
    return count


def reset(connection: socket.socket) -> None:
    """Reset the connection from this side."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    raise ConnectionResetError


def answers(*pieces: bytes) -> Callable[[socket.socket, bytes], bool]:
    """Act: send these pieces, then go on with the next request."""

    def act(connection: socket.socket, _: bytes) -> bool:
        for piece in pieces:
            connection.sendall(piece)
        return True

    return act


def stays_silent(_connection: socket.socket, _request: bytes) -> None:
    """Act: never answer."""
