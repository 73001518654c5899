"""What must be true of a drain, by what arrived at the gateway and what the journal says.

No promise is about how fast this machine is. A pace is kept where no second saw more requests than
it lets through; what must not be kept waiting is measured against the queue's own progress.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from campaigns.debts import POISON_EVERY, PREFIX, is_poison
from campaigns.promises import OUTCOMES
from campaigns.record import REFUSED
from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS
from netcancel.demo.books import Told, close_books
from netcancel.demo.promises import Promise
from netcancel.storm import FIRST_PROBE_SECONDS, SILENCES_TO_OPEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from campaigns.record import Account
    from netcancel.core.payment import Payment

NET_CANCEL: Final = "net-cancel"


@dataclass(frozen=True, slots=True)
class Scale:
    """How long the queue is, and how fast it may be drained."""

    rows: int
    per_second: float
    """Most net-cancels of all workers together."""
    in_flight: int
    """Most net-cancels of each worker at the same time."""
    workers: int = 2

    @property
    def poison(self) -> int:
        """How many debts can't be worked."""
        return -(-self.rows // POISON_EVERY)

    def most_within(self, seconds: float) -> float:
        """Return how many requests may arrive within so many seconds.

        Two of each worker more than the pace: a window may begin and end with one, and one that was
        a little late may be made up for.
        """
        return self.per_second * seconds + 2 * self.workers

    def most_probes_within(self, seconds: float) -> float:
        """Return how often a gateway that is away may be asked within so many seconds."""
        until_open = SILENCES_TO_OPEN + self.in_flight
        return self.workers * (until_open + 1 + seconds / FIRST_PROBE_SECONDS)


@dataclass(frozen=True, slots=True)
class Outage:
    """What a gateway that was away saw of the workers."""

    connections: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request that arrived at the gateway."""

    number: str
    endpoint: str
    at: float
    """Seconds since the epoch."""
    signed_at: float
    """When its sender signed it, in seconds since the epoch: it goes out at once."""

    @property
    def is_of_queue(self) -> bool:
        """Whether it is for a debt of the past."""
        return self.number.startswith(PREFIX)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known when the queue is gone."""

    scale: Scale
    outage: Outage
    arrivals: Sequence[Arrival]
    payments: Sequence[Payment]
    charges: Sequence[Mapping[str, Any]]
    account: Account
    """The shop's."""
    logs: Mapping[str, str] = field(repr=False)
    surprises: Sequence[str]

    @cached_property
    def queue(self) -> list[Payment]:
        """The debts of the past."""
        return [each for each in self.payments if each.merc_trx_no.startswith(PREFIX)]

    @cached_property
    def sales(self) -> list[Payment]:
        """The shop's payments."""
        return [each for each in self.payments if not each.merc_trx_no.startswith(PREFIX)]

    @cached_property
    def times(self) -> list[float]:
        """When recovery's requests for the queue were sent.

        Not when they arrived: a gateway that was kept waiting itself reads many at once.
        """
        return sorted(each.signed_at for each in self.arrivals if each.is_of_queue)

    @cached_property
    def progress(self) -> list[float]:
        """When each debt of the queue was first asked for, in seconds since the epoch."""
        first: dict[str, float] = {}
        for each in self.arrivals:
            if each.is_of_queue:
                first.setdefault(each.number, each.at)
        return sorted(first.values())

    @property
    def half_at(self) -> float:
        """When half of the queue was gone."""
        return self.progress[len(self.progress) // 2]

    @property
    def done_at(self) -> float:
        """When the last of the queue was asked for."""
        return self.progress[-1]

    @property
    def drain_seconds(self) -> float:
        """From the first request to the last."""
        return self.times[-1] - self.times[0]

    @cached_property
    def debts(self) -> list[tuple[str, float, float]]:
        """The shop's lost payments: number, when a net-cancel was owed, and when it was closed."""
        found = ((each, _owed_at(each)) for each in self.sales)
        return [
            (each.merc_trx_no, owed_at, each.history[-1].at / MICROSECONDS)
            for each, owed_at in found
            if owed_at is not None
        ]

    @cached_property
    def tellings(self) -> list[tuple[str, float, float]]:
        """What the shop was told during the drain: number, when it asked, and when it was told."""
        found = [
            (told.number, self.account.asked[told.number][0], told.at) for told in self.account.told
        ]
        return [each for each in found if self.progress[0] <= each[1] <= self.done_at]


def most_within(seconds: float, times: Sequence[float]) -> int:
    """Return the most of these times, in order, that lie within so many seconds."""
    most = first = 0
    for last, time in enumerate(times):
        while time - times[first] >= seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def check(evidence: Evidence) -> list[Promise]:
    """Put every promise to the test."""
    return [Promise(name, checked, [*broken]) for name, (checked, broken) in _tested(evidence)]


def figures(evidence: Evidence) -> dict[str, int | float | str]:
    """Return what was measured."""
    waits = sorted(told - asked for _, asked, told in evidence.tellings)
    closings = [closed - owed for _, owed, closed in evidence.debts]
    promises = check(evidence)
    return {
        "debts of the past": len(evidence.queue),
        "of these poison, each escalated": evidence.scale.poison,
        "pace, net-cancels a second": evidence.scale.per_second,
        "seconds of the drain": round(evidence.drain_seconds, 1),
        "net-cancels for them": len(evidence.times),
        "most of these sent in one second": most_within(1.0, evidence.times),
        "allowed in one second": evidence.scale.most_within(1.0),
        "requests while the gateway was away": evidence.outage.connections,
        "seconds that it was away": round(evidence.outage.seconds, 1),
        "new payments during the drain": len(evidence.tellings),
        "median seconds until they were told": round(median(waits), 3) if waits else "",
        "most seconds until they were told": round(waits[-1], 3) if waits else "",
        **{f"told {name}": count for name, count in sorted(_told(evidence).items())},
        "new debts": len(evidence.debts),
        "most seconds that one was owed": round(max(closings), 1) if closings else "",
        "promises broken": sum(len(promise.broken) for promise in promises),
    }


Tested = tuple[int, "Iterable[str]"]
"""How much was checked, and what is broken."""


def _tested(evidence: Evidence) -> list[tuple[str, Tested]]:
    return [(name, test(evidence)) for name, test in PROMISES.items()]


def _told(evidence: Evidence) -> Counter[str]:
    return Counter(told.outcome for told in evidence.account.told)


def _owed_at(payment: Payment) -> float | None:
    for entry in payment.history:
        if entry.target is State.NET_CANCELLING:
            return entry.at / MICROSECONDS
    return None


def _drained(evidence: Evidence) -> Tested:
    arrived = {each.number for each in evidence.arrivals}
    healthy = [each for each in evidence.queue if not is_poison(each.merc_trx_no)]
    broken = [
        f"{each.merc_trx_no}: {each.state}"
        for each in healthy
        if each.state is not State.NET_CANCELLED or each.merc_trx_no not in arrived
    ]
    if len(evidence.queue) != evidence.scale.rows:
        broken.append(f"{len(evidence.queue)} of {evidence.scale.rows} debts are left")
    return len(healthy), broken


def _poison_is_alone(evidence: Evidence) -> Tested:
    arrived = {each.number for each in evidence.arrivals}
    poison = [each for each in evidence.queue if is_poison(each.merc_trx_no)]
    broken = [
        f"{each.merc_trx_no}: {each.state}"
        for each in poison
        if each.state is not State.ESCALATED or each.merc_trx_no in arrived
    ]
    return len(poison), broken


def _pace_is_kept(evidence: Evidence) -> Tested:
    broken: list[str] = []
    windows = (1.0, 10.0, evidence.drain_seconds + 1.0)
    for seconds in windows:
        found, allowed = most_within(seconds, evidence.times), evidence.scale.most_within(seconds)
        if found > allowed:
            broken.append(f"{found} requests within {seconds:.1f} seconds, {allowed:.0f} allowed")
    return len(windows), broken


def _probed_singly(evidence: Evidence) -> Tested:
    outage = evidence.outage
    allowed = evidence.scale.most_probes_within(outage.seconds)
    is_broken = outage.connections > allowed
    text = f"{outage.connections} requests in {outage.seconds:.1f} seconds, {allowed:.0f} allowed"
    return 1, [text] if is_broken else []


def _sales_go_on(evidence: Evidence) -> Tested:
    early = [each for each in evidence.tellings if each[1] < evidence.half_at]
    broken = [
        f"{number}: told after the queue" for number, _, told in early if told > evidence.done_at
    ]
    unheard = {*evidence.account.asked} - {told.number for told in evidence.account.told}
    broken += [f"{number}: told nothing" for number in sorted(unheard)]
    broken += [
        f"{told.number}: told {told.outcome}"
        for told in evidence.account.told
        if told.outcome not in OUTCOMES - {REFUSED}
    ]
    return len(early) + len(evidence.account.asked), broken


def _new_debts_are_not_starved(evidence: Evidence) -> Tested:
    early = [each for each in evidence.debts if each[1] < evidence.half_at]
    broken = [
        f"{number}: closed after the queue"
        for number, _, closed in early
        if closed > evidence.done_at
    ]
    return len(early), broken


def _books(evidence: Evidence) -> Tested:
    told = [
        Told((payment.tid, each.number), each.outcome)
        for payment in evidence.sales[:1]
        for each in evidence.account.told
    ]
    problems = close_books(evidence.charges, evidence.sales, told).problems
    return len(evidence.sales), [f"{each.number[1]}: {each.fault}" for each in problems]


def _no_bug(evidence: Evidence) -> Tested:
    broken = [
        f"{name}: {line}"
        for name, text in evidence.logs.items()
        for line in text.splitlines()
        if "CRITICAL" in line or "Traceback" in line
    ]
    return len(evidence.logs), [*broken, *evidence.surprises]


PROMISES: Final[dict[str, Callable[[Evidence], Tested]]] = {
    "every debt that can be worked is closed": _drained,
    "poison stays alone: escalated, and nothing was sent": _poison_is_alone,
    "no burst above the pace": _pace_is_kept,
    "a gateway that is away is probed singly": _probed_singly,
    "new payments are told while the queue is there": _sales_go_on,
    "new debts are closed while the queue is there": _new_debts_are_not_starved,
    "the books of the new payments balance": _books,
    "no bug, and no process ends by itself": _no_bug,
}
