"""What the generators of the wire wait for, and until when; no thread, no event loop."""

from __future__ import annotations

import select
import ssl
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

if TYPE_CHECKING:
    import socket
    from concurrent.futures import Future

    from netcancel.wire.resolver import Addresses

READ = select.POLLIN
WRITE = select.POLLOUT

LONGEST_WAIT_SECONDS = 3600.0
"""Longer ones are asked for again: poll counts milliseconds in 32 bits."""

_T = TypeVar("_T")


class SocketWait(NamedTuple):
    """Wait until the socket can be read or written (`READ`, `WRITE`), or the seconds are over."""

    sock: socket.socket
    event: int
    seconds: float


class LookupWait(NamedTuple):
    """Wait until the future is done, or the seconds are over."""

    future: Future[Addresses]
    seconds: float


Wait: TypeAlias = SocketWait | LookupWait
Steps: TypeAlias = Generator[Wait, None, _T]
"""Yields waits; is resumed after each, whether it was fulfilled or not; returns a _T."""


class DeadlinePassed(Exception):
    """The time is over; caught within the wire: silence has a verdict of its own."""


@dataclass(slots=True)
class Patience:
    """The total deadline, and the clock that it is a point of."""

    deadline: float
    clock: Callable[[], float]

    def remaining(self) -> float:
        """Return the seconds left, more than 0; raises DeadlinePassed."""
        seconds = self.deadline - self.clock()
        if seconds <= 0:
            raise DeadlinePassed
        return seconds

    def wait(self) -> float:
        """Return how long to wait at most; raises DeadlinePassed."""
        return min(self.remaining(), LONGEST_WAIT_SECONDS)

    def work(self, operation: Callable[[], _T], sock: socket.socket, event: int) -> Steps[_T]:
        """Try an operation on a socket that doesn't block until it is done."""
        while True:
            try:
                return operation()
            except ssl.SSLWantReadError:
                event = READ
            except ssl.SSLWantWriteError:
                event = WRITE
            except (BlockingIOError, InterruptedError):
                pass
            yield SocketWait(sock, event, self.wait())
