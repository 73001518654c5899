"""How a worker is, for whatever runs it: two paths over HTTP, and systemd's notifications.

`GET /live` is answered 200 as long as the worker's loop runs at all: restart one that isn't.
`GET /ready` is answered 200 while recovery looks at its journal without trouble, else 503. Both
tell the worker's vitals as JSON; nothing in them names a payment.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from dataclasses import asdict
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import h11

from netcancel.errors import ConfigurationError
from netcancel.wire import clock
from netcancel.wire.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from netcancel.recovery import Vitals

READY_SECONDS: Final = 15.0
"""A look takes half a second; a journal that is asked again after trouble, some seconds."""

REQUEST_SECONDS: Final = 5.0
REQUEST_BYTES_MAX: Final = 8 * 1024
CHUNK_BYTES: Final = 4096


class Health:
    """Answers probes about one worker."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    @property
    def is_ready(self) -> bool:
        """Whether recovery has looked at its journal lately, and that went well."""
        swept_at = self._vitals.swept_at
        return swept_at is not None and clock.now() - swept_at < READY_SECONDS

    def answer(self, method: bytes, target: bytes) -> tuple[HTTPStatus, dict[str, Any]]:
        """Answer a probe."""
        if method not in {b"GET", b"HEAD"}:
            return HTTPStatus.METHOD_NOT_ALLOWED, {"error": "GET /live or /ready"}
        if target not in {b"/live", b"/ready"}:
            return HTTPStatus.NOT_FOUND, {"error": "GET /live or /ready"}
        is_well = target == b"/live" or self.is_ready
        status = HTTPStatus.OK if is_well else HTTPStatus.SERVICE_UNAVAILABLE
        return status, self._said()

    def _said(self) -> dict[str, Any]:
        said = asdict(self._vitals)
        swept_at = said.pop("swept_at")
        ago = None if swept_at is None else round(clock.now() - swept_at, 3)
        return {"ready": self.is_ready, "swept_seconds_ago": ago} | said


@contextlib.asynccontextmanager
async def listening(health: Health, address: str) -> AsyncGenerator[str]:
    """Answer probes at host:port for the length of a block; tells the base URL.

    Raises `ConfigurationError` for an address that can't be had, or that isn't of this host alone.
    """
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdecimal()) or not is_loopback(host):
        raise ConfigurationError(
            "probes are answered on this host only: give an address such as 127.0.0.1:8701"
        )

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError, h11.RemoteProtocolError):
            async with asyncio.timeout(REQUEST_SECONDS):
                await _answer_one(health, reader, writer)
        writer.close()

    try:
        server = await asyncio.start_server(serve, host, int(port))
    except (OSError, OverflowError):
        raise ConfigurationError(f"{address} can't be had for probes") from None
    async with server:
        bound, number = server.sockets[0].getsockname()[:2]
        yield f"http://{f'[{bound}]' if ':' in bound else bound}:{number}"


async def _answer_one(
    health: Health, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=REQUEST_BYTES_MAX)
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(CHUNK_BYTES))
    if not isinstance(event, h11.Request):
        return
    status, said = health.answer(event.method, event.target)
    body = json.dumps(said).encode()
    headers = [
        ("Content-Type", "application/json"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    parts: list[h11.Event] = [h11.Response(status_code=status, headers=headers)]
    parts += [] if event.method == b"HEAD" else [h11.Data(data=body)]
    for part in (*parts, h11.EndOfMessage()):
        writer.write(connection.send(part) or b"")
    await writer.drain()


def tell_systemd(words: str) -> None:
    """Send a notification ("READY=1", "STOPPING=1", "WATCHDOG=1"), where systemd asked for them."""
    path = os.environ.get("NOTIFY_SOCKET")
    if not path:
        return
    address = f"\0{path[1:]}" if path.startswith("@") else path
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.sendto(words.encode(), address)


def watchdog_seconds() -> float | None:
    """Return how often systemd wants to hear that the loop runs; None: it doesn't."""
    microseconds = os.environ.get("WATCHDOG_USEC", "")
    return int(microseconds) / 2_000_000 if microseconds.isdecimal() else None
