"""How a flow writes: conditionally, and until it knows what became of the write."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, Final, TypeVar

from netcancel.core.effects import (
    Alarm,
    Flow,
    HandOver,
    Note,
    Now,
    Read,
    Sleep,
    Unavailable,
    Write,
    perform,
)
from netcancel.core.patience import (
    LOOK_AGAIN_CEILING_SECONDS,
    LOOK_AGAIN_SECONDS,
    WRITE_RETRY_CEILING_SECONDS,
    WRITE_RETRY_SECONDS,
    growing,
)
from netcancel.core.payment import Change, KeptAnswer, Payment, Version
from netcancel.errors import (
    DuplicateTransaction,
    InvalidRequest,
    PaymentNotFound,
    TooManyInDoubt,
)
from netcancel.kicc import RawAnswer

if TYPE_CHECKING:
    from netcancel.core.lifecycle import Event, State
    from netcancel.core.payment import Asked
    from netcancel.kicc import Reception

JOURNAL_SILENT = "the journal could not be written; find() tells what became of it"


REFUSALS: Final = (DuplicateTransaction, InvalidRequest, PaymentNotFound, TooManyInDoubt)
"""Whoever hears one of these holds nothing."""

T = TypeVar("T")


class Fate(Enum):
    """What became of a write."""

    APPLIED = auto()
    FENCED = auto()
    """Somebody else wrote first: this write was not applied and never will be."""
    UNKNOWN = auto()
    """The journal did not say until the lease was over."""


@dataclass(frozen=True, slots=True)
class Hand:
    """Who is at work: the tag on all its writes, and the host's time when its lease may be over."""

    writer: str
    give_up_at: float

    def next_version(self, seen: Payment) -> Version:
        """Return the version that this hand's write on `seen` makes."""
        return Version(seen.version.counter + 1, self.writer)

    def holds(self, row: Payment, seen: Payment, state: State) -> bool:
        """Whether `row` is what this hand's write on `seen` made of it, in `state`."""
        return row.version == self.next_version(seen) and row.state is state


def write(seen: Payment, event: Event, change: Change, hand: Hand) -> Flow[tuple[Payment, Fate]]:
    """Move a payment, and find out what became of it, until the lease is over.

    A write that got no clear answer may have been applied: the history tells, by our own tag.
    """
    row: Payment | Unavailable | None
    tries = 0
    while True:
        row = yield from perform(Write(seen, event, hand.writer, change))
        if isinstance(row, Payment):
            return row, Fate.APPLIED
        row = yield from perform(Read(seen.id))
        if isinstance(row, Payment) and row.version != seen.version:
            ours = row.was_written_by(hand.next_version(seen))
            return row, Fate.APPLIED if ours else Fate.FENCED
        is_gone = isinstance(row, Unavailable) and row.for_good
        if is_gone or (yield from perform(Now())) >= hand.give_up_at:
            return replace(seen, loss=change.loss or seen.loss, detail=JOURNAL_SILENT), Fate.UNKNOWN
        yield Sleep(growing(WRITE_RETRY_SECONDS, WRITE_RETRY_CEILING_SECONDS, tries))
        tries += 1


def finish(payment: Payment, event: Event, change: Change, hand: Hand) -> Flow[Payment]:
    """Write what an attempt came to; what is no longer ours to write is only noted."""
    row, fate = yield from write(payment, event, change, hand)
    if fate is Fate.FENCED:
        yield Note(row, event, hand.writer, change)
    elif fate is Fate.APPLIED and change.alarmed:
        yield Alarm(row, change.note or f"refused with {change.code}")
    return row


def or_hand_over(flow: Flow[T], payment_id: str, writer: str) -> Flow[T]:
    """Run a flow that may hold a payment; interrupted, the payment is recovery's at once."""
    try:
        return (yield from flow)
    except (*REFUSALS, GeneratorExit):
        raise  # nothing is ours, or the machine dies here: there is nothing to hand over
    except BaseException:
        yield HandOver(payment_id, writer)
        raise


def kept_answer(asked: Asked, reception: Reception) -> KeptAnswer | None:
    """Return the very bytes of an answer, to be kept with the move that it leads to."""
    return KeptAnswer(asked, reception.body) if isinstance(reception, RawAnswer) else None


def await_decision(payment: Payment, until: float) -> Flow[Payment]:
    """Wait while somebody else decides on a payment; return what the journal says then."""
    looks = 0
    while payment.is_being_decided and (yield from perform(Now())) < until:
        yield Sleep(growing(LOOK_AGAIN_SECONDS, LOOK_AGAIN_CEILING_SECONDS, looks))
        looks += 1
        row = yield from perform(Read(payment.id))
        if isinstance(row, Payment):
            payment = row
    return payment
