"""Stands between the processes and their database server, and cuts connections on purpose.

The worst cut is the one around a commit: the server never hears of it, or has done it and nobody
hears of that. Both look the same to the client.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections import Counter, deque
from contextlib import suppress
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable

COMMIT: Final = re.compile(rb"\bCOMMIT\b")
"""Not the isolation level READ COMMITTED."""
CHUNK: Final = 65_536
START_SECONDS: Final = 10.0


class Cut(StrEnum):
    """How a connection is cut."""

    AT_ONCE = "connections cut"
    TERMINATED = "connections terminated by the server before a commit"
    BEFORE_COMMIT = "connections cut before a commit arrived"
    AFTER_COMMIT = "connections cut before a commit's answer arrived"


class Relay:
    """Listens on a port of loopback for the length of a `with` block, in a thread of its own."""

    def __init__(self, port: int, terminate: Callable[[int], object]) -> None:
        """Lead to a server's `port` on loopback.

        `terminate` has the server end the connection that comes from a port.
        """
        self._target = port
        self._terminate = terminate
        self._ready = threading.Event()
        self._links: set[_Link] = set()
        self._cuts: deque[Cut] = deque()
        self._done: Counter[Cut] = Counter()
        self._thread = threading.Thread(target=self._run, name="relay", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event
        self.port = 0

    def __enter__(self) -> Self:
        self._thread.start()
        if not self._ready.wait(START_SECONDS):
            raise RuntimeError("the relay did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def cut_next_commit(self, cut: Cut) -> None:
        """Cut the connection of the next commit that nobody else's cut is meant for."""
        self._cuts.append(cut)

    def cut_all(self) -> None:
        """Cut every connection there is."""
        self._loop.call_soon_threadsafe(self._cut_all)

    def cuts(self) -> Counter[Cut]:
        """Return how many connections were cut, and how."""
        return self._done.copy()

    def _cut_all(self) -> None:
        self._done[Cut.AT_ONCE] += len(self._links)
        for link in self._links:
            link.cut()

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._lead, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await self._stop.wait()
            self._cut_all()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Join a client with the server, until either is gone."""
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        link = _Link(writer, there[1])
        self._links.add(link)
        try:
            await asyncio.gather(self._ask(reader, link), self._answer(there[0], link))
        finally:
            link.cut()
            self._links.discard(link)

    async def _ask(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(CHUNK):
                if self._cuts and COMMIT.search(chunk):
                    cut = self._cuts.popleft()
                    self._done[cut] += 1
                    if cut is Cut.BEFORE_COMMIT:
                        break
                    if cut is Cut.TERMINATED:
                        await asyncio.to_thread(self._terminate, link.port)
                    link.loses_answer = cut is Cut.AFTER_COMMIT
                link.server.write(chunk)
                await link.server.drain()
        if not link.loses_answer:
            link.cut()

    async def _answer(self, reader: asyncio.StreamReader, link: _Link) -> None:
        with suppress(ConnectionError):
            while (chunk := await reader.read(CHUNK)) and not link.loses_answer:
                link.client.write(chunk)
                await link.client.drain()
        link.cut()


class _Link:
    """A client's connection, and the one to the server that serves it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.port: int = server.get_extra_info("sockname")[1]
        """Where the server sees it come from."""
        self.loses_answer = False

    def cut(self) -> None:
        """End both at once."""
        self.client.transport.abort()
        self.server.transport.abort()
