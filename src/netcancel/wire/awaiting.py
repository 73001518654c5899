"""The transport for asyncio: an exchange suspends its task, at most until the deadline.

It watches the bare socket with the loop's add_reader and add_writer. A transport of asyncio would
buffer in between, and we couldn't tell what the kernel took.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from netcancel.wire import clock as host_clock
from netcancel.wire.conversation import Conversation
from netcancel.wire.pool import Pool
from netcancel.wire.waiting import READ, SocketWait, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.kicc.raw import Reception
    from netcancel.wire.exchange import Request
    from netcancel.wire.gateway import Gateway


class AwaitingTransport:
    """Carries requests to one gateway; safe to share between tasks.

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

    async def exchange(self, request: Request, *, deadline: float) -> Reception:
        """Send the request once and return what came back; never raises for network or gateway.

        `deadline` is total: look-up, connection, TLS, sending and the answer's last byte.
        A cancelled task resets the connection, and the cancellation goes on.
        """
        loop = asyncio.get_running_loop()
        steps = Conversation(
            self._gateway, self._pool, request, deadline=deadline, clock=self._clock
        ).steps()
        try:
            while True:
                await _wait(next(steps), loop)
        except StopIteration as end:
            reception: Reception = end.value
            return reception
        finally:
            steps.close()

    async def aclose(self) -> None:
        """Close the idle connections; exchanges still under way end as they would."""
        self._pool.close()


async def _wait(wait: Wait, loop: asyncio.AbstractEventLoop) -> None:
    woken: asyncio.Future[None] = loop.create_future()
    timer = loop.call_later(wait.seconds, _wake, woken)
    unwatch = _watch(wait, woken, loop)
    try:
        await woken
    finally:
        timer.cancel()
        unwatch()


def _watch(
    wait: Wait, woken: asyncio.Future[None], loop: asyncio.AbstractEventLoop
) -> Callable[[], object]:
    if not isinstance(wait, SocketWait):
        wait.future.add_done_callback(lambda _: _wake_from_thread(woken, loop))
        return _leave_alone
    descriptor = wait.sock.fileno()
    if wait.event == READ:
        loop.add_reader(descriptor, _wake, woken)
        return partial(loop.remove_reader, descriptor)
    loop.add_writer(descriptor, _wake, woken)
    return partial(loop.remove_writer, descriptor)


def _leave_alone() -> None:
    """Let a look-up run on: others may wait for it too."""


def _wake(woken: asyncio.Future[None]) -> None:
    if not woken.done():
        woken.set_result(None)


def _wake_from_thread(woken: asyncio.Future[None], loop: asyncio.AbstractEventLoop) -> None:
    # The look-up may end long after the task and its loop are gone.
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(_wake, woken)
