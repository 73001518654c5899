"""What a flow may ask of the outside. Data only: nothing here does anything.

An effect's type parameter is the type of its answer. Expected trouble is part of the answer
(`Unavailable`); an exception thrown into a flow means that it was interrupted.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from netcancel.core.payment import Change, Intent, Known, Opened, Payment, TooMany, Used
from netcancel.kicc import Reception

if TYPE_CHECKING:
    from netcancel.core.lifecycle import Event

R_co = TypeVar("R_co", covariant=True)
T = TypeVar("T")


class Effect(Generic[R_co]):
    """A request to the outside; `R_co` is the type of its answer."""

    __slots__ = ()


Flow = Generator[Effect[Any], Any, T]
"""A process that yields effects, receives their answers and returns a `T`."""


def perform(effect: Effect[T]) -> Flow[T]:
    """Ask for `effect` and return its answer, with its exact type."""
    answer: T = yield effect
    return answer


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The journal did not answer, or not clearly: a write may or may not have been applied."""

    detail: str
    for_good: bool = False
    """Asking again is of no use."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it will be sent, with the host's time of its signature."""

    path: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class Now(Effect[float]):
    """The host's clock for durations, in seconds; it also runs while the host sleeps."""


@dataclass(frozen=True, slots=True)
class Draw(Effect[float]):
    """A random number, 0 ≤ x < 1."""


@dataclass(frozen=True, slots=True)
class Sleep(Effect[None]):
    """Wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Sign(Effect[Signed]):
    """Sign a body for a path with its world's secret, at the present time, with a new nonce."""

    world: str
    path: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SignAgain(Effect["Signed | None"]):
    """Sign with the secret that was in force before the present one; None: there is none."""

    world: str
    path: str
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class CancelStamp:
    """What a cancel has of its own: its number, and its date and time in Seoul."""

    number: str
    tran_dt: str
    tran_tm: str


@dataclass(frozen=True, slots=True)
class StampCancel(Effect[CancelStamp]):
    """Draw a new cancel's number (unique, 20 bytes, sortable by time) and look at the calendar."""


@dataclass(frozen=True, slots=True)
class Exchange(Effect[Reception]):
    """Send a signed request once and return what came back within `timeout_seconds` in all."""

    signed: Signed
    timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Open(Effect[Opened | Known | Used | TooMany | Unavailable]):
    """Write an intent, durably, unless its number is used."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Read(Effect[Payment | None | Unavailable]):
    """Read a payment with its history."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Find(Effect[Payment | None | Unavailable]):
    """Find a payment by its number, with its history."""

    tid: str
    merc_trx_no: str


@dataclass(frozen=True, slots=True)
class OpenBody(Effect["bytes | None | Unavailable"]):
    """Open the frozen body of a payment's net-cancel; None: it is shredded or damaged."""

    payment_id: str


@dataclass(frozen=True, slots=True)
class Confirm(Effect[Payment | None | Unavailable]):
    """Confirm a payment of these worlds, durably, if it is unconfirmed; return it as it is then."""

    worlds: frozenset[str]
    tid: str
    merc_trx_no: str
    writer: str


@dataclass(frozen=True, slots=True)
class Write(Effect[Payment | None | Unavailable]):
    """Move a payment, durably, if it still is as `seen`; None: it isn't, and nothing changed."""

    seen: Payment
    event: Event
    writer: str
    change: Change


@dataclass(frozen=True, slots=True)
class Note(Effect["Unavailable | None"]):
    """Add a line to a payment's history; the row keeps its state, and gets an approval it lacks."""

    seen: Payment
    event: Event
    writer: str
    change: Change


@dataclass(frozen=True, slots=True)
class HandOver(Effect[None]):
    """Make due at once whatever `writer` holds of this payment; never waits for long."""

    payment_id: str
    writer: str


@dataclass(frozen=True, slots=True)
class Alarm(Effect[None]):
    """Tell a person about a payment."""

    payment: Payment
    text: str
