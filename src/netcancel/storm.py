"""The storm guard: how fast recovery may send, and whether it may send at all.

After an outage everything is due at once. A gateway that comes back must not be met by all of it,
and one that is still away must not be asked by every payment in turn.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from netcancel.wire import clock as host_clock

if TYPE_CHECKING:
    from collections.abc import Callable

SILENCES_TO_OPEN: Final = 8
"""So many requests without any HTTP answer, one after the other: the gateway is away."""

FIRST_PROBE_SECONDS: Final = 1.0
"""How long to wait before the first probe; each that fails doubles it, up to the ceiling."""


class Pace:
    """Spaces requests evenly: no second sees more of them than the rate, but for one or two.

    A payment is claimed a moment before its request may go: a claim costs time, and doesn't keep.
    """

    MOMENT_SECONDS: Final = 0.25

    def __init__(self, per_second: float, *, clock: Callable[[], float] = host_clock.now) -> None:
        self._clock = clock
        self._gap_of_all = self._gap = 1.0 / per_second
        self._next_at = clock()

    def share_with(self, workers: int) -> None:
        """Take one part of as many as there are workers: the gateway counts them together."""
        self._gap = self._gap_of_all * max(1, workers)

    def room(self, waiting: int) -> int:
        """Return how many more may be claimed, where so many are claimed and wait to be sent."""
        slots = math.floor((self.MOMENT_SECONDS - self.wait_seconds) / self._gap) + 1
        return max(0, slots - waiting)

    @property
    def wait_seconds(self) -> float:
        """How long until the next request may go; 0 where it may now."""
        return max(0.0, self._next_at - self._clock())

    def go(self) -> None:
        """Let a request go: the next one follows evenly.

        A waiter that woke a little late loses nothing by it. Whatever was late for longer, as after
        a pause of the process, is not made up for: it would be a burst.
        """
        self._next_at = max(self._next_at, self._clock() - self._gap) + self._gap

    @property
    def claim_wait_seconds(self) -> float:
        """How long to wait until there is room for a claim that is worth its cost."""
        return max(self._gap, self.MOMENT_SECONDS / 2)


class Breaker:
    """Stops recovery while the gateway gives no HTTP answer at all, and probes with one payment.

    It never stops an approval, nor its owner's first net-cancel: those aren't recovery's.
    """

    def __init__(
        self, ceiling_seconds: float, *, clock: Callable[[], float] = host_clock.now
    ) -> None:
        """`ceiling_seconds`: how long it stays open at most before the next probe."""
        self._ceiling_seconds = ceiling_seconds
        self._first_seconds = min(FIRST_PROBE_SECONDS, ceiling_seconds)
        self._clock = clock
        self._silences = 0
        self._wait_seconds = self._first_seconds
        self._probe_at: float | None = None
        self._changed_at = clock()

    @property
    def is_open(self) -> bool:
        """Whether the gateway counts as being away."""
        return self._probe_at is not None

    @property
    def wait_seconds(self) -> float:
        """How long until something may be sent; 0 where it may now."""
        return 0.0 if self._probe_at is None else max(0.0, self._probe_at - self._clock())

    def allow(self, wanted: int) -> int:
        """Return how many of `wanted` may be sent now: all, one as a probe, or none."""
        if self._probe_at is None:
            return wanted
        now = self._clock()
        if now < self._probe_at or wanted == 0:
            return 0
        self._changed_at, self._probe_at = now, now + self._wait_seconds
        return 1

    def give_back(self, unused: int) -> None:
        """Let a probe for which there was no payment be made later."""
        if unused and self._probe_at is not None:
            self._probe_at = self._clock()

    def note_answer(self) -> bool:
        """Close, for the gateway answered, whatever it said; return whether that is news."""
        self._silences = 0
        if self._probe_at is None:
            return False
        self._changed_at, self._probe_at = self._clock(), None
        self._wait_seconds = self._first_seconds
        return True

    def note_silence(self, begun_at: float) -> bool:
        """Count a request that got no HTTP answer; return whether it is news that it is away.

        One that began before the last change says nothing: all that was in flight fails with it.
        """
        if begun_at < self._changed_at:
            return False
        now = self._clock()
        if self._probe_at is not None:
            self._wait_seconds = min(2 * self._wait_seconds, self._ceiling_seconds)
            self._changed_at, self._probe_at = now, now + self._wait_seconds
            return False
        self._silences += 1
        if self._silences < SILENCES_TO_OPEN:
            return False
        self._changed_at, self._probe_at = now, now + self._wait_seconds
        return True
