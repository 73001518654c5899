"""The transport for threads: an exchange blocks its caller, at most until the deadline."""

from __future__ import annotations

import math
import select
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from netcancel.wire import clock as host_clock
from netcancel.wire.conversation import Conversation
from netcancel.wire.pool import Pool
from netcancel.wire.waiting import SocketWait, Steps, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.kicc.raw import Reception
    from netcancel.wire.exchange import Request
    from netcancel.wire.gateway import Gateway


_T = TypeVar("_T")


class BlockingTransport:
    """Carries requests to one gateway; safe to share between threads.

    A fresh connection for each request unless `keep_alive_seconds` > 0. `clock` is what deadlines
    are points of.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        keep_alive_seconds: float = 0.0,
        clock: Callable[[], float] = host_clock.now,
    ) -> None:
        self._gateway = gateway
        self._pool = Pool(keep_alive_seconds)
        self._clock = clock

    def exchange(self, request: Request, *, deadline: float) -> Reception:
        """Send the request once and return what came back; never raises for network or gateway.

        `deadline` is total: look-up, connection, TLS, sending and the answer's last byte.
        An exception from outside (Ctrl-C) resets the connection and goes on.
        """
        steps = Conversation(
            self._gateway, self._pool, request, deadline=deadline, clock=self._clock
        ).steps()
        return run(steps)

    def close(self) -> None:
        """Close the idle connections; exchanges still under way end as they would."""
        self._pool.close()


def run(steps: Steps[_T]) -> _T:
    """Take the steps in this thread, waiting where they ask for it; an exception ends them."""
    try:
        while True:
            _wait(next(steps))
    except StopIteration as end:
        result: _T = end.value
        return result
    finally:
        steps.close()


def _wait(wait: Wait) -> None:
    if isinstance(wait, SocketWait):
        poller = select.poll()
        poller.register(wait.sock, wait.event)
        poller.poll(math.ceil(wait.seconds * 1000))
    else:
        with suppress(TimeoutError):
            wait.future.exception(wait.seconds)
