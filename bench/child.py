"""One variant in a process of its own: reads commands as lines of JSON, and answers likewise.

It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench import load, variants

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager

    from bench.variants import AsyncPay

ASYNC: dict[str, Callable[[str, str], AbstractAsyncContextManager[AsyncPay]]] = {
    "AsyncGuard": variants.async_guard,
    "AsyncClient": variants.async_client,
    "httpx": partial(variants.naive, module="httpx"),
    "httpx2": partial(variants.naive, module="httpx2"),
}


def main(name: str, base_url: str, journal: str) -> None:
    """Serve one variant."""
    load.watch_commits()
    if name == "Guard":
        serve_threads(base_url, journal)
    else:
        asyncio.run(serve_tasks(name, base_url, journal))


def serve_threads(base_url: str, journal: str) -> None:
    """Serve `Guard`."""
    with variants.guard(base_url, journal) as pay:
        for line in sys.stdin:
            command = json.loads(line)
            _tell(load.measure(pay, command["in_flight"], command["seconds"]).to_json())


async def serve_tasks(name: str, base_url: str, journal: str) -> None:
    """Serve a variant that is awaited."""
    async with ASYNC[name](base_url, journal) as pay:
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            if "payments" in command:
                before = load.Mark.now()
                await load.pay_many(pay, command["in_flight"], command["payments"])
                commits = load.Mark.now().commits - before.commits
                _tell({"rss_bytes": _rss_bytes(), "commits": commits})
            else:
                cell = await load.measure_async(pay, command["in_flight"], command["seconds"])
                _tell(cell.to_json())


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _tell(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
