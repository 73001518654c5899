"""Whether a guard's memory stays flat: one process's resident bytes after many payments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench import processes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IN_FLIGHT: Final = 64
FIRST: Final = 1_000


def run(base_url: str, directory: Path, payments: int) -> Iterator[tuple[int, int]]:
    """Yield after how many payments an `AsyncGuard`'s process held how many bytes."""
    points = sorted({FIRST, *(payments * tenth // 10 for tenth in (1, 2, 4, 6, 8, 10))})
    done = 0
    with processes.payer("AsyncGuard", base_url, f"sqlite:///{directory}/memory.db") as payer:
        for point in points:
            rss = payer.pay(IN_FLIGHT, point - done)["rss_bytes"]
            done = point
            yield done, rss
