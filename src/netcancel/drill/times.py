"""How payments stood at each moment of a drill, and how long lost answers stayed open. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from netcancel.core.lifecycle import IN_DOUBT, State
from netcancel.core.payment import MICROSECONDS, Payment
from netcancel.demo.arrivals import by_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netcancel.demo.promises import Evidence

MOMENTS: Final = 60
"""As many as a plot can show."""


@dataclass(frozen=True, slots=True)
class Moment:
    """How many payments stood how; `second` counts from the first intent."""

    second: float
    approved: int
    declined: int
    given_back: int
    in_doubt: int
    to_be_verified: int


@dataclass(frozen=True, slots=True)
class Delays:
    """How long something took, in seconds; all 0 where it never happened."""

    count: int
    median: float
    p95: float
    longest: float
    histogram: Sequence[tuple[str, int]]
    """The upper bounds of equal classes, each with its count."""

    @classmethod
    def of(cls, seconds: Iterable[float]) -> Self:
        """Sum up."""
        found = sorted(seconds)
        if not found:
            return cls(0, 0.0, 0.0, 0.0, ())
        return cls(
            len(found),
            round(_rank(found, 0.5), 3),
            round(_rank(found, 0.95), 3),
            round(found[-1], 3),
            _histogram(found),
        )


CLASSES: Final = 8


def _rank(found: Sequence[float], share: float) -> float:
    return found[min(len(found) - 1, int(share * len(found)))]


def _histogram(found: Sequence[float]) -> list[tuple[str, int]]:
    width = max(found[-1], 0.001) / CLASSES
    counts = Counter(min(CLASSES - 1, int(each / width)) for each in found)
    return [(f"{(place + 1) * width:.2g}", counts[place]) for place in range(CLASSES)]


def moments(payments: Sequence[Payment]) -> list[Moment]:
    """Return a drill's moments, evenly spaced from the first line of the histories to the last."""
    lines = [entry.at for payment in payments for entry in payment.history]
    if not lines:
        return []
    first, last = min(lines), max(lines)
    return [
        _moment(payments, first, first + (last - first) * step // MOMENTS)
        for step in range(MOMENTS + 1)
    ]


def _moment(payments: Sequence[Payment], first: int, at: int) -> Moment:
    stood = Counter(state for payment in payments if (state := _state_at(payment, at)) is not None)
    return Moment(
        second=round((at - first) / MICROSECONDS, 2),
        approved=stood[State.APPROVED],
        declined=stood[State.DECLINED],
        given_back=stood[State.NET_CANCELLED] + stood[State.CANCELLED],
        in_doubt=sum(stood[state] for state in IN_DOUBT),
        to_be_verified=stood[State.SETTLING],
    )


def _state_at(payment: Payment, at: int) -> State | None:
    """Return a payment's state at a time; None: its intent was not written yet."""
    place = bisect_right(payment.history, at, key=lambda entry: entry.at)
    return payment.history[place - 1].target if place else None


def lost_at(payment: Payment) -> int | None:
    """Return when a net-cancel was owed first; None: never."""
    return next(
        (entry.at for entry in payment.history if entry.target is State.NET_CANCELLING), None
    )


def first_net_cancels(evidence: Evidence) -> Delays:
    """Return how long it took from a loss to the first net-cancel that arrived."""
    requests = by_number(evidence.requests)
    arrived = {
        number: min(each["at"] for each in of_number if each["endpoint"] == "net-cancel")
        for number, of_number in requests.items()
        if any(each["endpoint"] == "net-cancel" for each in of_number)
    }
    return Delays.of(
        # Two clocks may differ a little.
        max(0.0, arrived[payment.merc_trx_no] - lost / MICROSECONDS)
        for payment in evidence.payments
        if (lost := lost_at(payment)) is not None and payment.merc_trx_no in arrived
    )


def closings(evidence: Evidence) -> Delays:
    """Return how long it took from a loss until nothing was owed any more."""
    return Delays.of(
        (payment.history[-1].at - lost) / MICROSECONDS
        for payment in evidence.payments
        if (lost := lost_at(payment)) is not None and payment.state.is_final
    )
