"""When to try again, and when machines should stop trying."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.core.payment import MICROSECONDS

if TYPE_CHECKING:
    from netcancel.core.payment import Payment
    from netcancel.core.policy import Policy

DOUBLINGS_MAX: Final = 60
"""2.0 to this power is far above every ceiling and still a float."""

WRITE_RETRY_SECONDS: Final = 0.05
"""First wait before a verdict is written again to a journal that did not answer."""

WRITE_RETRY_CEILING_SECONDS: Final = 0.5
"""A lease is some ten seconds: a journal that is back must be found well within it."""

LOOK_AGAIN_SECONDS: Final = 0.02
"""First wait of a second caller of a number: an approval takes some hundred milliseconds."""

LOOK_AGAIN_CEILING_SECONDS: Final = 0.25
"""A waiting caller costs the journal at most four reads a second."""


def retry_delay(policy: Policy, attempts: int, draw: float) -> float:
    """Return how long to wait after so many attempts: full jitter under a doubling ceiling."""
    doubled = policy.first_retry_seconds * 2.0 ** min(max(attempts - 1, 0), DOUBLINGS_MAX)
    return draw * min(doubled, policy.retry_ceiling_seconds)


def window_closes(policy: Policy, payment: Payment, delay: float) -> bool:
    """Whether a next attempt, after the present one and `delay`, would be past the window."""
    next_attempt = payment.in_doubt_seconds + policy.timeout_seconds + delay
    return next_attempt >= policy.retry_window_seconds


def is_too_old_to_net_cancel(policy: Policy, payment: Payment) -> bool:
    """Whether an approval is older than gateways are known to take net-cancels for."""
    age = (payment.read_at - payment.created_at) / MICROSECONDS
    return age >= policy.retry_window_seconds


def needs_alarm(policy: Policy, payment: Payment) -> bool:
    """Whether a person should hear of this payment now, for the first time."""
    return not payment.alarmed and payment.in_doubt_seconds >= policy.alarm_after_seconds


def growing(first: float, ceiling: float, times: int) -> float:
    """Return the wait that doubles from `first` up to `ceiling`."""
    return float(min(first * 2.0 ** min(times, DOUBLINGS_MAX), ceiling))
