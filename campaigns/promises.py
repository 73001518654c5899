"""What must be true after a campaign besides what any performance promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from campaigns.record import APPROVED, IN_DOUBT, REFUSED, Account
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import MICROSECONDS
from netcancel.demo import promises
from netcancel.demo.arrivals import by_number
from netcancel.demo.books import Told
from netcancel.demo.promises import Promise

if TYPE_CHECKING:
    from netcancel.core.payment import Payment
    from netcancel.sandbox.gateway import RecordedRequest

OUTCOMES: Final = frozenset(
    {APPROVED, "Declined", "NetCancelled", "Cancelled", IN_DOUBT, REFUSED},
)
"""What a shop of a campaign may hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known when nothing moves any more."""

    tid: str
    charges: Sequence[Mapping[str, Any]]
    requests: list[RecordedRequest]
    payments: Sequence[Payment]
    accounts: Sequence[Account]
    logs: Mapping[str, str] = field(repr=False)
    surprises: Sequence[str]

    @property
    def plain(self) -> promises.Evidence:
        """What any performance is judged by."""
        return promises.Evidence(
            charges=self.charges,
            requests=self.requests,
            payments=self.payments,
            told=[
                Told((self.tid, each.number), each.outcome)
                for account in self.accounts
                for each in account.outcomes()
            ],
            logs=self.logs,
        )


Check = Callable[[Evidence], tuple[int, Iterable[str]]]
"""Says how much was checked, and what is broken."""


def check(evidence: Evidence) -> list[Promise]:
    """Put every promise to the test."""
    return [Promise(name, *_listed(test(evidence))) for name, test in PROMISES.items()]


def _listed(found: tuple[int, Iterable[str]]) -> tuple[int, list[str]]:
    return found[0], [*found[1]]


def _fenced(evidence: Evidence) -> tuple[int, Iterable[str]]:
    fenced = fenced_numbers(evidence.payments)
    broken = (
        f"{each.number}: taken over, and told approved"
        for account in evidence.accounts
        for each in account.told
        if each.outcome == APPROVED and each.number in fenced
    )
    return len(fenced), broken


def fenced_numbers(payments: Iterable[Payment]) -> dict[str, int]:
    """Return the numbers whose owner lost them while approving, and when."""
    return {
        payment.merc_trx_no: entry.at
        for payment in payments
        for entry in payment.history
        if entry.event is Event.LEASE_RAN_OUT
    }


def _nothing_sent(evidence: Evidence) -> tuple[int, Iterable[str]]:
    approved = {
        number
        for number, requests in by_number(evidence.requests).items()
        if any(request["endpoint"] == "approval" for request in requests)
    }
    refused = {number for account in evidence.accounts for number in account.refused}
    return len(refused), (f"{number}: sent, though told otherwise" for number in refused & approved)


def _nothing_late(evidence: Evidence) -> tuple[int, Iterable[str]]:
    """Put our part in the gateway's assumption (a) to the test: what was given up never arrives."""
    void_since: dict[str, float] = {}
    for payment in evidence.payments:
        for entry in payment.history:
            if entry.target is State.NET_CANCELLED:
                void_since.setdefault(payment.merc_trx_no, entry.at / MICROSECONDS)
    arrived = by_number(evidence.requests)
    broken = (
        f"{number}: its approval arrived {late:.1f} s later"
        for number, since in void_since.items()
        for request in arrived.get(number, [])
        if request["endpoint"] == "approval" and (late := request["at"] - since) > 0
    )
    return len(void_since), broken


def _told_alike(evidence: Evidence) -> tuple[int, Iterable[str]]:
    """Whoever asks again hears the same, or for the first time something certain."""
    heard: dict[str, set[str]] = {}
    for account in evidence.accounts:
        for each in account.outcomes():
            heard.setdefault(each.number, set()).add(each.outcome)
    broken = (
        f"{number}: told {' and '.join(sorted(outcomes))}"
        for number, outcomes in heard.items()
        if len(outcomes - {IN_DOUBT}) != 1
    )
    return len(heard), broken


def _only_outcomes(evidence: Evidence) -> tuple[int, Iterable[str]]:
    told = [each for account in evidence.accounts for each in account.told]
    return len(told), (
        f"{each.number}: {each.outcome} was raised" for each in told if each.outcome not in OUTCOMES
    )


def _no_surprise(evidence: Evidence) -> tuple[int, Iterable[str]]:
    return len(evidence.logs), evidence.surprises


def _on_plain(test: promises.Check, evidence: Evidence) -> tuple[int, Iterable[str]]:
    return test(evidence.plain)


PROMISES: Final[Mapping[str, Check]] = {
    **{name: partial(_on_plain, test) for name, test in promises.PROMISES.items()},
    "nothing sent where the journal was refused (I4)": _nothing_sent,
    "no approval arrives after its payment was void for good (I1)": _nothing_late,
    "no fenced owner told approved (I2)": _fenced,
    "whoever asks again hears the same": _told_alike,
    "nothing is raised but that the journal is unavailable": _only_outcomes,
    "no process ends by itself": _no_surprise,
}
"""By the promise, as a reader says it; the numbers are those of docs/protocol.md."""
