"""How a settlement's word on one number compares with the journal's. Pure.

The law:

- What is approved, unconfirmed or resolved as charge-stands must be charged. It is missed where the
  file takes it back, and where the file covers it and doesn't name it.
- What is anything else must not be charged; where the file takes it back, or doesn't name it, all
  is well.
- A number that the journal doesn't have must not be in the file.
- Of a payment that was archived only the state is known, not its day or amount: it is told where
  the file charges what isn't approved, or takes back what is.
- Of a payment that this version can't read nothing is known: it is told where the file names or
  covers it.
- No number is charged twice, and what stands of a known number is the approved amount.

A number is charged where the file charges more than it refunds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import FINAL, Resolution, State
from netcancel.core.payment import Payment, Unreadable

if TYPE_CHECKING:
    from netcancel.reconcile.spill import Settled


class Kind(StrEnum):
    """A way in which settlement and journal differ, the gravest first."""

    CHARGED_BUT_VOIDED = "charged-but-voided"
    CHARGED_BUT_REFUNDED = "charged-but-refunded"
    CHARGED_BUT_DECLINED = "charged-but-declined"
    CHARGED_BUT_IN_DOUBT = "charged-but-in-doubt"
    APPROVED_BUT_NOT_CHARGED = "approved-but-not-charged"
    DUPLICATE = "duplicate"
    AMOUNT_DIFFERS = "amount-differs"
    UNKNOWN_NUMBER = "unknown-number"
    CLOSED_BY_A_PERSON = "closed-by-a-person"
    UNREADABLE = "unreadable"

    @property
    def meaning(self) -> str:
        """What it says, in one sentence."""
        return MEANINGS[self]


MEANINGS: Final = MappingProxyType(
    {
        Kind.CHARGED_BUT_VOIDED: "an orphan: the customer pays for a sale that we called void",
        Kind.CHARGED_BUT_REFUNDED: "we called it refunded, and no refund of it is in the file",
        Kind.CHARGED_BUT_DECLINED: "we called it declined, and the customer pays",
        Kind.CHARGED_BUT_IN_DOUBT: "not decided yet in the journal: recovery's or a person's",
        Kind.APPROVED_BUT_NOT_CHARGED: "a sale that nobody pays us for",
        Kind.DUPLICATE: "one number is charged, or given back, more than once",
        Kind.AMOUNT_DIFFERS: "the file has another amount than was approved",
        Kind.UNKNOWN_NUMBER: "the journal has no payment of this number and terminal",
        Kind.CLOSED_BY_A_PERSON: "archived, as a person closed it: the archive's file says how",
        Kind.UNREADABLE: "unknown to this version: a newer netcancel wrote it",
    }
)

STANDS: Final = frozenset({State.APPROVED, State.UNCONFIRMED})
"""Proven charged: the file has to charge it."""

_IF_CHARGED: Final = MappingProxyType(
    {
        State.NET_CANCELLED: Kind.CHARGED_BUT_VOIDED,
        State.SETTLING: Kind.CHARGED_BUT_VOIDED,
        State.CANCELLED: Kind.CHARGED_BUT_REFUNDED,
        State.DECLINED: Kind.CHARGED_BUT_DECLINED,
        State.APPROVING: Kind.CHARGED_BUT_IN_DOUBT,
        State.NET_CANCELLING: Kind.CHARGED_BUT_IN_DOUBT,
        State.CANCELLING: Kind.CHARGED_BUT_IN_DOUBT,
        State.ESCALATED: Kind.CHARGED_BUT_IN_DOUBT,
    }
)
"""What it is that a payment in this state is charged."""

_LIKE: Final = MappingProxyType(
    {
        Resolution.CHARGE_STANDS: State.APPROVED,
        Resolution.NO_CHARGE: State.NET_CANCELLED,
        Resolution.REFUNDED_OUTSIDE: State.CANCELLED,
    }
)
"""What a person closed counts like this state; unreadable, like one that is still a person's."""


@dataclass(frozen=True, slots=True)
class Archived:
    """A number whose payment has left the journal, in the state in which it was closed."""

    tid: str
    merc_trx_no: str
    state: str


Known = Payment | Unreadable | Archived
"""What a journal says of a number."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is wrong with one number; `settled` or `payment` is None where it has none."""

    kind: Kind
    settled: Settled | None
    payment: Known | None


def differences(
    settled: Settled | None, payment: Known | None, *, is_covered: bool
) -> list[Difference]:
    """Compare what the file and the journal say of one number; at least one of them knows it.

    `is_covered`: the file would have the payment if it were charged. Nothing comes back where
    all is well.
    """
    return [
        Difference(kind, settled, payment) for kind in _kinds(settled, payment, covered=is_covered)
    ]


def _kinds(settled: Settled | None, payment: Known | None, *, covered: bool) -> list[Kind]:
    if isinstance(payment, Unreadable):
        return [Kind.UNREADABLE] if covered or settled is not None else []
    if isinstance(payment, Archived):
        return [] if settled is None else _kinds_of_archived(settled, payment)
    if settled is None:
        is_missing = payment is not None and covered and _state_of(payment) in STANDS
        return [Kind.APPROVED_BUT_NOT_CHARGED] if is_missing else []
    kinds = [Kind.DUPLICATE] if settled.is_repeated else []
    if payment is None:
        return [*kinds, Kind.UNKNOWN_NUMBER]
    if not settled.stands_only_with(payment.approved_amt):
        kinds.append(Kind.AMOUNT_DIFFERS)
    return [*_of_standing(_state_of(payment), settled), *kinds]


def _kinds_of_archived(settled: Settled, archived: Archived) -> list[Kind]:
    kinds = [Kind.DUPLICATE] if settled.is_repeated else []
    if archived.state == State.RESOLVED:
        return [Kind.CLOSED_BY_A_PERSON, *kinds] if settled.net > 0 else kinds
    if archived.state not in FINAL:
        return [Kind.UNREADABLE, *kinds]
    return [*_of_standing(State(archived.state), settled), *kinds]


def _of_standing(state: State, settled: Settled) -> list[Kind]:
    """Compare whether there is a charge with whether there must be one."""
    is_charged = settled.net > 0
    if state in STANDS:
        return [] if is_charged else [Kind.APPROVED_BUT_NOT_CHARGED]
    return [_IF_CHARGED[state]] if is_charged else []


def _state_of(payment: Payment) -> State:
    if payment.state is not State.RESOLVED:
        return payment.state
    return State.ESCALATED if payment.resolution is None else _LIKE[payment.resolution]
