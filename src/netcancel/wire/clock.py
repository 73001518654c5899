"""The clock that measures how long things take on this host."""

from __future__ import annotations

import time

# CLOCK_MONOTONIC stands still while a virtual machine is suspended, and an owner that slept would
# believe itself in time. Only systems without CLOCK_BOOTTIME get the monotonic clock.
_SOURCE = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Return the seconds since the host started, its suspended time included."""
    return time.clock_gettime(_SOURCE)
