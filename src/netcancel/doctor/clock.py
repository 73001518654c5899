"""Whether clocks agree: leases, due times and signatures are points of them."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Final

from netcancel.doctor.line import Line, fail, ok, warn

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECK: Final = "clock"

WARN_SECONDS: Final = 2.0
"""Clocks that are kept in time differ by much less."""

FAIL_SECONDS: Final = 30.0
"""As long as a time-out: leases end while their owners are at work. What the gateway tolerates in a
signature is unknown (spec 1.3)."""

ADVICE: Final = "let chrony or systemd-timesyncd keep the clock, and see why it doesn't"

_TIME_ERROR: Final = 5
"""What adjtimex says of a clock that nobody synchronises."""
_TIMEX_BYTES: Final = 512
"""More than the structure has on any system; all zero, it asks and sets nothing."""


def is_synchronised() -> bool | None:
    """Whether something keeps this host's clock in time, by the kernel; None: it doesn't say."""
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    if adjtimex is None:
        return None
    state = adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    return None if state < 0 else state != _TIME_ERROR


def synchronisation(is_synchronised: bool | None) -> Iterator[Line]:  # noqa: FBT001  a value
    """Say whether the host's clock is kept in time."""
    if is_synchronised is None:
        yield warn(CHECK, "whether this host's clock is synchronised can't be told here", ADVICE)
    elif is_synchronised:
        yield ok(CHECK, "this host's clock is synchronised")
    else:
        yield warn(CHECK, "nothing synchronises this host's clock, says its kernel", ADVICE)


def difference(theirs: tuple[float, float], ours: tuple[float, float]) -> float:
    """Return the least seconds that their clock is ahead of ours, negative: behind.

    Both were read at the same moment, which lies between the two ends of each.
    """
    least, most = theirs[0] - ours[1], theirs[1] - ours[0]
    return least if least > 0 else min(most, 0.0)


def agreement(whose: str, seconds: float) -> Line:
    """Say how far a clock is from this host's."""
    if abs(seconds) <= WARN_SECONDS:
        return ok(CHECK, f"{whose} clock and this host's agree")
    found = (
        f"{whose} clock is {abs(seconds):.1f} s {'ahead of' if seconds > 0 else 'behind'} this"
        " host's"
    )
    make = fail if abs(seconds) > FAIL_SECONDS else warn
    return make(CHECK, found, ADVICE)
