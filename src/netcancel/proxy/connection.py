"""A shop's connection: closed where no whole request comes in time, or where there are too many.

Below it is uvicorn's connection on h11, the one that tells of a shop that has gone as soon as its
socket does. Alone it would wait for a first request without end, and every connection that only
waits takes the place of a shop that pays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from netcancel.proxy.app import IN_FLIGHT_MAX

if TYPE_CHECKING:
    import asyncio

HEAD_SECONDS: Final = 10.0
"""From the first byte that could come to the end of a request's head."""

IDLE_SECONDS: Final = 60
"""Between an answer and the next request: longer than clients keep connections, so that it is they
who close them, and none sends a request into a connection that is being closed."""

CONNECTIONS_MAX: Final = 2 * IN_FLIGHT_MAX
"""Idle ones included; one above them is closed without a byte: nothing was sent."""


class Connection(H11Protocol):
    """Serves one connection."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > CONNECTIONS_MAX:
            transport.abort()
        else:
            self._await_head(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing any more."""
        super().connection_lost(exc)
        if self._head_timer is not None:
            self._head_timer.cancel()

    def on_response_complete(self) -> None:
        """Begin to wait for the next request."""
        super().on_response_complete()
        self._await_head(IDLE_SECONDS + HEAD_SECONDS)

    def _await_head(self, seconds: float) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
        self._head_timer = self.loop.call_later(seconds, self._end_where_idle)

    def _end_where_idle(self) -> None:
        is_answering = self.conn.our_state in {h11.SEND_RESPONSE, h11.SEND_BODY}
        if not is_answering and not self.transport.is_closing():
            self.transport.abort()
