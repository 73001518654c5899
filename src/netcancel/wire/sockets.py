"""Sockets whose closing is a reset unless it is asked to be gentle.

A plain close lets the kernel go on delivering what it holds: an approval would reach the gateway
seconds after its net-cancel. So SO_LINGER with a time of 0 is set when a socket is born: whatever
then closes it early, be it our giving up, an exception, a collected generator or SIGKILL, throws
the unsent bytes away and resets the connection. Only after a whole answer is it taken back.

A forked child's copies would keep the connection of its parent alive: it closes them at once.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import weakref

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_GENTLE_CLOSE = struct.pack("ii", 0, 0)
_LONGEST_SECONDS = 2_000_000.0
_BIND_ADDRESS_NO_PORT = 24
"""Linux's IP_BIND_ADDRESS_NO_PORT, which Python 3.11 has no name for."""
_open: weakref.WeakSet[socket.socket] = weakref.WeakSet()


def open_socket(family: int, source_address: str | None = None) -> socket.socket:
    """Return a TCP socket that doesn't block, sends at once and resets when it is closed.

    It will connect from `source_address`, or from where the system likes.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if source_address is not None:
            _bind(sock, source_address)
    except BaseException:
        sock.close()
        raise
    track(sock)
    return sock


def _bind(sock: socket.socket, source_address: str) -> None:
    # The port is chosen when the connection is made: chosen now, one that a former connection to
    # anywhere still waits on wouldn't do, and a busy host would run out of them.
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
    sock.bind((source_address, 0))


def track(sock: socket.socket) -> None:
    """Have a forked child close its copy of this socket."""
    _open.add(sock)


def limit_sending(sock: socket.socket, seconds: float) -> None:
    """Have the kernel itself give up on bytes that nobody acknowledges, even if we are paused."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # 0 would mean the system's default, many minutes; the option is an int of the C language.
        milliseconds = max(1, round(min(seconds, _LONGEST_SECONDS) * 1000))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)


def reset(sock: socket.socket) -> None:
    """Throw away what wasn't sent yet, and reset; with TLS no farewell is said."""
    sock.close()


def close(sock: socket.socket) -> None:
    """Close in peace a connection that owes nothing any more."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _GENTLE_CLOSE)
    sock.close()


def _close_copies() -> None:
    for sock in tuple(_open):
        sock.close()
    _open.clear()


os.register_at_fork(after_in_child=_close_copies)
