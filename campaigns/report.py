"""What a campaign was, and whether every promise was kept."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final, Self

from campaigns.promises import Evidence, fenced_numbers
from netcancel.core.lifecycle import Event
from netcancel.core.payment import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netcancel.demo.promises import Promise

UNCLEAR: Final = "got no clear answer"
"""What the journal's writer says of a commit of which it knows nothing."""

WIDTH: Final = 100
SHOWN_MAX: Final = 20
"""Most broken promises of a kind that are printed; JSON has them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The figures of one campaign."""

    journal: str
    seed: int
    seconds: Mapping[str, float]
    payments: Mapping[str, int]
    """By their last state."""
    told: Mapping[str, int]
    faults: Mapping[str, int]
    """What the gateway did wrong on purpose, by the fault's name."""
    blows: Mapping[str, int]
    """What happened to processes and server."""
    unclear_commits: int
    taken_over: int
    """Payments that recovery took from an owner who was still approving."""
    fenced_owners: int
    """Of these, those whose owner lived, and was told what the journal says."""
    late_approvals: int
    promises: Sequence[Promise]

    @classmethod
    def of(
        cls,
        journal: str,
        seed: int,
        evidence: Evidence,
        promises: Sequence[Promise],
        *,
        blows: Mapping[str, int],
        seconds: Mapping[str, float],
    ) -> Self:
        """Count what happened."""
        taken_over = fenced_numbers(evidence.payments)
        events = [entry.event for payment in evidence.payments for entry in payment.history]
        return cls(
            journal=journal,
            seed=seed,
            seconds={name: round(value, 1) for name, value in seconds.items()},
            payments=_sorted(payment.state.value for payment in evidence.payments),
            told=_sorted(each.outcome for account in evidence.accounts for each in account.told),
            faults=_sorted(each["fault"] for each in evidence.requests if each["fault"]),
            blows=blows,
            unclear_commits=sum(text.count(UNCLEAR) for text in evidence.logs.values()),
            taken_over=len(taken_over),
            fenced_owners=_fenced_owners(evidence, taken_over),
            late_approvals=events.count(Event.LATE_APPROVAL),
            promises=promises,
        )

    @property
    def is_kept(self) -> bool:
        """Whether no promise was broken."""
        return not any(promise.broken for promise in self.promises)

    def to_json(self) -> dict[str, Any]:
        """Return all as JSON values."""
        return asdict(self) | {"is_kept": self.is_kept}

    @property
    def figures(self) -> dict[str, int]:
        """Return the counts for the record of this run."""
        return {
            "payments": sum(self.payments.values()),
            **{f"payments {state}": count for state, count in self.payments.items()},
            "answers that the gateway spoilt": sum(self.faults.values()),
            **self.blows,
            "commits whose outcome was unknown": self.unclear_commits,
            "payments taken over from their owner": self.taken_over,
            "of these from an owner who lived to be told": self.fenced_owners,
            "valid approvals that came late": self.late_approvals,
            "promises checked": sum(promise.checked for promise in self.promises),
            "promises broken": sum(len(promise.broken) for promise in self.promises),
        }

    def lines(self) -> list[str]:
        """Say it in lines of text."""
        return [
            f"journal {self.journal}, seed {self.seed}: {_said(self.seconds)} (seconds)",
            f"{sum(self.payments.values()):6} payments: {_said(self.payments)}",
            f"{sum(self.told.values()):6} tellings: {_said(self.told)}",
            *wrap(
                f"{sum(self.faults.values()):6} faults of the gateway: {_said(self.faults)}",
                WIDTH,
                subsequent_indent=" " * 7,
            ),
            *(f"{count:6} {name}" for name, count in self.blows.items()),
            f"{self.unclear_commits:6} commits whose outcome was unknown",
            f"{self.taken_over:6} payments taken over from their owner",
            f"{self.fenced_owners:6} of these from an owner who lived to be told",
            f"{self.late_approvals:6} valid approvals that came late",
            *(line for promise in self.promises for line in _lines_of(promise)),
        ]


def _lines_of(promise: Promise) -> list[str]:
    mark = "broken" if promise.broken else "kept"
    first = f"{mark:6} {promise.name}: {promise.checked} checked, {len(promise.broken)} broken"
    return [first, *(f"       {text}" for text in promise.broken[:SHOWN_MAX])]


def _said(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())


def _sorted(names: Iterable[str]) -> dict[str, int]:
    """Count names, the most frequent first."""
    return dict(Counter(names).most_common())


def _fenced_owners(evidence: Evidence, taken_over: Mapping[str, int]) -> int:
    """Count the calls that began before a take-over and were answered after it."""
    fenced = set[str]()
    for account in evidence.accounts:
        for told in account.told:
            at = taken_over.get(told.number, 0) / MICROSECONDS
            asked = [each for each in account.asked[told.number] if each <= told.at]
            if at and max(asked) < at < told.at:
                fenced.add(told.number)
    return len(fenced)
