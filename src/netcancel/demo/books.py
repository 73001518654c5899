"""Closing the books: every charge of a gateway's ledger against every payment of the journal.

The law, for each number of a terminal:

| in the ledger | the journal must say | what callers may have been told |
|---|---|---|
| one live charge | approved, with the same amount | approved, in doubt |
| charges that were all given back | net_cancelled, cancelled | anything but approved |
| no charge | declined or net_cancelled | anything but approved |

Whoever died first was told nothing. A live charge that nobody answers for is an orphan: a customer
paid for nothing. An approved payment without its charge is a lost sale. Both must be 0, and nothing
may be left open. Pure.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from netcancel.core.lifecycle import State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netcancel.core.payment import Payment

LIVE = "live"
"""A charge's status while the customer pays; every other one means that it was given back."""

GIVEN_BACK = frozenset({State.NET_CANCELLED, State.CANCELLED})
"""What the journal says of a payment whose charge was given back."""

Number = tuple[str, str]
"""Terminal and merchant transaction number."""


class Fault(StrEnum):
    """A way in which books don't balance."""

    ORPHAN = "orphan charge: live, but no approved payment answers for it"
    LOST_SALE = "lost sale: approved, but not charged or given back"
    OTHER_AMOUNT = "charged with another amount than approved"
    CHARGED_TWICE = "charged more than once"
    VOIDED_UNSAID = "given back, but the journal doesn't say so"
    TOLD_OTHERWISE = "the caller was told something else than the ledger says"
    FORGOTTEN = "the caller was told of a payment that the journal doesn't know"
    OPEN = "not closed: something is still owed, or a person must decide"


@dataclass(frozen=True, slots=True)
class Problem:
    """One payment with which the books don't balance."""

    number: Number
    fault: Fault


@dataclass(frozen=True, slots=True)
class Told:
    """What a caller was told of a payment: the name of the outcome, such as "Approved"."""

    number: Number
    outcome: str


@dataclass(frozen=True, slots=True)
class Balance:
    """The closed books; amounts are whole KRW."""

    charged: int
    """Charges ever made."""
    live: int
    live_amount: int
    voided: int
    """Charges that were given back."""
    by_state: Mapping[State, int]
    approved_amount: int
    told: Mapping[str, int]
    problems: tuple[Problem, ...]

    @property
    def balances(self) -> bool:
        """Whether there is nothing wrong at all."""
        return not self.problems

    def count(self, fault: Fault) -> int:
        """Return how many payments have this fault."""
        return sum(problem.fault is fault for problem in self.problems)


def close_books(
    charges: Sequence[Mapping[str, Any]],
    payments: Sequence[Payment],
    told: Iterable[Told] = (),
) -> Balance:
    """Compare a ledger with a journal and with what callers were told.

    A charge has `tid`, `merc_trx_no`, `trx_amt` and `status`; `payments` must be all of them.
    """
    of_number: defaultdict[Number, list[Mapping[str, Any]]] = defaultdict(list)
    for charge in charges:
        of_number[charge["tid"], charge["merc_trx_no"]].append(charge)
    known = {(payment.tid, payment.merc_trx_no): payment for payment in payments}
    tellings = list(told)
    problems = [
        Problem(number, fault)
        for number in sorted({*of_number, *known})
        for fault in _faults_of(of_number.get(number, []), known.get(number))
    ]
    problems += [
        Problem(each.number, fault)
        for each in tellings
        for fault in _faults_of_telling(each, of_number.get(each.number, []), known)
    ]
    live = [charge for charge in charges if charge["status"] == LIVE]
    approved = [payment for payment in payments if payment.state is State.APPROVED]
    return Balance(
        charged=len(charges),
        live=len(live),
        live_amount=sum(charge["trx_amt"] for charge in live),
        voided=len(charges) - len(live),
        by_state=Counter(payment.state for payment in payments),
        approved_amount=sum(payment.trx_amt for payment in approved),
        told=Counter(each.outcome for each in tellings),
        problems=tuple(problems),
    )


def _faults_of(charges: Sequence[Mapping[str, Any]], payment: Payment | None) -> list[Fault]:
    """Compare the charges of one number with its payment."""
    live = [charge for charge in charges if charge["status"] == LIVE]
    twice = [Fault.CHARGED_TWICE] if len(live) > 1 else []
    if payment is None:
        return twice + ([Fault.ORPHAN] if live else [Fault.VOIDED_UNSAID])
    if not payment.state.is_final:
        return [*twice, Fault.OPEN]
    if payment.state is State.APPROVED:
        if not live:
            return [Fault.LOST_SALE]
        right = all(charge["trx_amt"] == payment.trx_amt for charge in live)
        return twice + ([] if right else [Fault.OTHER_AMOUNT])
    if live:
        return [*twice, Fault.ORPHAN]
    return [Fault.VOIDED_UNSAID] if charges and payment.state not in GIVEN_BACK else []


def _faults_of_telling(
    told: Told, charges: Sequence[Mapping[str, Any]], known: Mapping[Number, Payment]
) -> list[Fault]:
    """Compare what a caller was told with the ledger, and with the journal's memory."""
    is_live = any(charge["status"] == LIVE for charge in charges)
    faults: list[Fault] = []
    if told.number not in known:
        faults.append(Fault.FORGOTTEN)
    if told.outcome == "Approved":
        if not is_live:
            faults.append(Fault.TOLD_OTHERWISE)
    elif told.outcome != "InDoubt" and is_live:
        faults.append(Fault.TOLD_OTHERWISE)
    return faults
