"""What a drill was and what it showed: the facts of both its reports."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.lifecycle import State
from netcancel.demo.arrivals import by_number
from netcancel.demo.books import Fault, close_books
from netcancel.demo.promises import Promise, check
from netcancel.drill import times
from netcancel.drill.blows import Kind
from netcancel.drill.course import Ended, Ending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from netcancel.demo.books import Balance
    from netcancel.demo.promises import Evidence
    from netcancel.drill.conditions import Conditions, Duration

SHAPE: Final = 1
"""Of the JSON document; counted up where a name changes its meaning or goes."""

UNSPOILT: Final = "none"
"""The row of payments that no fault hit."""


@dataclass(frozen=True, slots=True)
class FaultRow:
    """A fault, how often it hit, and what became of the payments that it hit."""

    name: str
    hits: int
    ends: Mapping[str, int]
    """By their last state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that is told of a drill; no secret is in it."""

    shape: int
    made_at: str
    versions: Mapping[str, str]
    drill: Mapping[str, str | int | float]
    durations: Sequence[Duration]
    left_out: Mapping[str, str]
    ending: Ending
    why: str
    books: Mapping[str, int]
    states: Mapping[str, int]
    told: Mapping[str, int]
    problems: Mapping[str, int]
    """By the way in which books don't balance; all must be 0."""
    broken_numbers: Sequence[str]
    """Payments with which the books don't balance, each with what is wrong."""
    faults: Sequence[FaultRow]
    blows: Mapping[str, int]
    events: Sequence[str]
    first_net_cancel: times.Delays
    closing: times.Delays
    promises: Sequence[Promise]
    moments: Sequence[times.Moment]

    @property
    def balances(self) -> bool:
        """Whether the books balance and every promise was kept."""
        kept = not any(promise.broken for promise in self.promises)
        return kept and not any(self.problems.values())

    @property
    def is_passed(self) -> bool:
        """Whether the drill went to its end, and all is well."""
        return self.ending is Ending.COMPLETE and self.balances

    def to_json(self) -> dict[str, Any]:
        """Return all as JSON values."""
        return asdict(self) | {"balances": self.balances, "passed": self.is_passed}


def report(
    ended: Ended,
    *,
    made_at: str,
    versions: Mapping[str, str],
    drill: Mapping[str, str | int | float],
    conditions: Conditions,
) -> Report:
    """Put what a drill left behind to the test."""
    evidence = ended.evidence
    balance = close_books(evidence.charges, evidence.payments, evidence.told)
    return Report(
        shape=SHAPE,
        made_at=made_at,
        versions=versions,
        drill={**drill, "seconds": round(ended.seconds, 1)},
        durations=conditions.durations,
        left_out=conditions.left_out,
        ending=ended.ending,
        why=ended.why,
        books=_books(balance),
        states={state.value: balance.by_state.get(state, 0) for state in State},
        told=dict(Counter(balance.told).most_common()),
        problems={fault.name.lower(): balance.count(fault) for fault in Fault},
        broken_numbers=[f"{each.number[1]}: {each.fault}" for each in balance.problems],
        faults=_faults(evidence),
        blows={kind.value: ended.blows.get(kind, 0) for kind in Kind},
        events=ended.events,
        first_net_cancel=times.first_net_cancels(evidence),
        closing=times.closings(evidence),
        promises=check(evidence),
        moments=times.moments(evidence.payments),
    )


def _books(balance: Balance) -> dict[str, int]:
    states = balance.by_state
    return {
        "payments": sum(states.values()),
        "charges": balance.charged,
        "charges_live": balance.live,
        "charges_given_back": balance.voided,
        "approved": states.get(State.APPROVED, 0),
        "live_amount": balance.live_amount,
        "approved_amount": balance.approved_amount,
    }


def _faults(evidence: Evidence) -> list[FaultRow]:
    """Count what hit whom; a payment that several faults hit counts in the row of each."""
    ends = {payment.merc_trx_no: payment.state.value for payment in evidence.payments}
    hits: Counter[str] = Counter()
    met: defaultdict[str, set[str]] = defaultdict(set)
    for number, requests in by_number(evidence.requests).items():
        names = [each["fault"] for each in requests if each["fault"]]
        hits.update(names)
        for name in names or [UNSPOILT]:
            met[name].add(number)
    return [
        FaultRow(name, hits[name], dict(Counter(ends[each] for each in met[name] if each in ends)))
        for name in sorted(met)
    ]
