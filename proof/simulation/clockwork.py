"""Virtual time: what happens next is the earliest of what was planned; nothing ever waits."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Clockwork:
    """A queue of events, in the order of their times, then of their planning."""

    def __init__(self, start: float) -> None:
        self.now = start
        self._serial = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []

    def after(self, seconds: float, event: Callable[[], None]) -> None:
        """Let `event` happen so many seconds from now."""
        self._serial += 1
        heapq.heappush(self._queue, (self.now + seconds, self._serial, event))

    def run(self, events_max: int) -> bool:
        """Let everything happen; says whether it came to an end within so many events."""
        queue, pop = self._queue, heapq.heappop
        for _ in range(events_max):
            if not queue:
                return True
            self.now, _, event = pop(queue)
            event()
        return not queue
