"""What is known of one payment, and what a write changes of it.

Times are whole microseconds since the epoch on the journal's clock: only that clock decides leases
and due times. A payment is a snapshot; `read_at` says when it was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

from netcancel.core.lifecycle import IN_DOUBT, CancelReason, Event, Resolution, State
from netcancel.errors import ConfigurationError

if TYPE_CHECKING:
    from netcancel.kicc import ApprovalAnswer, Loss

MICROSECONDS = 1_000_000

TOLD_VOID = frozenset({State.SETTLING, State.NET_CANCELLED, State.CANCELLED})
"""Whoever asks in these states hears that nobody is charged."""


class Version(NamedTuple):
    """Who wrote a row last: a counter and the writer's random tag, so that none ever repeats."""

    counter: int
    writer: str

    def __str__(self) -> str:
        return f"{self.counter}.{self.writer}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` wrote."""
        counter, _, writer = text.partition(".")
        if not (counter.isascii() and counter.isdecimal() and writer):
            raise ConfigurationError(
                "a version looks like 3.f00dcafe, as `netcancel show` prints it"
            )
        return cls(int(counter), writer)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a payment's history; `source` equals `target` where nothing moved."""

    at: int
    version: Version
    source: State | None
    event: Event
    target: State
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A snapshot of what the journal knows of one payment; it never holds the token."""

    id: str
    world: str
    """Gateway origin, channel and environment that this payment belongs to."""
    tid: str
    svc_id: str
    bizr_no: str
    merc_trx_no: str
    state: State
    version: Version
    last_event: Event | None
    """The move that led to `state`; None: one of a newer netcancel."""
    alot_month: str
    trx_amt: int
    """What was asked for; what was approved says `approved_amt`."""
    vat_amt: int
    svc_amt: int
    tran_dt: str
    tran_tm: str
    answer: ApprovalAnswer | None
    """The approval, where one is proven."""
    loss: Loss | None
    code: str | None
    """The last code that proved something or was refused."""
    message: str | None
    detail: str
    never_sent: bool
    """Whether the wire proved that no byte of the approval ever left."""
    cancel_reason: CancelReason | None
    cancel_trx_no: str | None
    """The last cancel's own number."""
    cancel_body: str | None
    """The last cancel's body, as it was frozen before it was sent."""
    resolution: Resolution | None
    attempts: int
    """Net-cancels, or cancels, claimed for sending since the debt began."""
    is_held: bool
    """Whether somebody holds a lease on it; the lease ends at `due_at`."""
    due_at: int | None
    """When recovery may claim it, `unconfirmed`: when it was to be confirmed; None: never."""
    owed_since: int | None
    """When the present debt of a net-cancel or a cancel began; None where none did."""
    settle_at: int
    alarmed: bool
    created_at: int
    updated_at: int
    read_at: int
    history: tuple[Entry, ...] = ()

    @property
    def is_being_worked_on(self) -> bool:
        """Whether a lease on it is running."""
        return self.is_held and self.due_at is not None and self.read_at < self.due_at

    @property
    def is_being_decided(self) -> bool:
        """Whether somebody is finding out just now what became of it."""
        is_open = self.state is State.APPROVING or self.state in IN_DOUBT
        return is_open and self.is_being_worked_on

    @property
    def approved_amt(self) -> int:
        """What was charged, as far as an answer said it; else what was asked for."""
        said = None if self.answer is None else self.answer.trx_amt
        return self.trx_amt if said is None else said

    @property
    def was_told_void(self) -> bool:
        """Whether a caller may have been told that nobody is charged; needs the history."""
        return any(entry.target in TOLD_VOID for entry in self.history) or (
            self.resolution in {Resolution.NO_CHARGE, Resolution.REFUNDED_OUTSIDE}
        )

    @property
    def in_doubt(self) -> bool:
        """Whether nobody can say now if the customer is charged, or a refund is owed."""
        is_left = self.state is State.APPROVING and not self.is_being_worked_on
        return self.state in IN_DOUBT or is_left

    @property
    def is_settled(self) -> bool:
        """Whether, at the time of reading, no approval can be on its way any more (spec 3.5)."""
        return self.read_at >= self.settle_at

    @property
    def in_doubt_seconds(self) -> float:
        """How long the present debt has been open; 0 where there is none."""
        return 0.0 if self.owed_since is None else (self.read_at - self.owed_since) / MICROSECONDS

    @property
    def seconds_to_settle(self) -> float:
        """From the reading to `settle_at`; 0 where that is past."""
        return max(0, self.settle_at - self.read_at) / MICROSECONDS

    def was_written_by(self, version: Version) -> bool:
        """Whether the write that made `version` was applied, whatever came after it."""
        return any(entry.version == version for entry in self.history)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A payment of which this version of netcancel can only tell whose it is: a newer one's."""

    tid: str
    merc_trx_no: str
    tran_dt: str


Page = Sequence[Payment | Unreadable]
"""Payments as a journal has them in the order of their numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What is written before an approval may be sent."""

    id: str
    writer: str
    world: str
    tid: str
    svc_id: str
    bizr_no: str
    merc_trx_no: str
    alot_month: str
    trx_amt: int
    vat_amt: int
    svc_amt: int
    tran_dt: str
    tran_tm: str
    same_data: bytes = field(repr=False)
    """What must be equal for a second call to be the same order; kept as a keyed digest only."""
    net_cancel_body: bytes = field(repr=False)
    hold_seconds: float
    settle_after_seconds: float
    max_in_doubt: int | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """The intent is durable, and ours."""

    payment: Payment


@dataclass(frozen=True, slots=True)
class Known:
    """The number was there before; nothing was written."""

    payment: Payment
    same_data: bool


@dataclass(frozen=True, slots=True)
class Used:
    """The number was used by a payment that has left the journal; nothing was written."""

    state: str
    """In which it was closed."""
    closed_at: int
    archived_at: int


@dataclass(frozen=True, slots=True)
class TooMany:
    """More payments are in doubt than the intent allows; nothing was written."""


@dataclass(frozen=True, slots=True)
class FrozenCancel:
    """A cancel's own number and its body, made once, durable before it is sent."""

    number: str
    body: bytes


class Asked(StrEnum):
    """What a gateway's answer is to; stored in journals, never changed, never reused."""

    APPROVAL = "approval"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class KeptAnswer:
    """An answer's body as the gateway sent it, for whoever must get the very bytes again."""

    asked: Asked
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What a move writes besides the state; None leaves the column as it is.

    Neither `hold_seconds` nor `due_seconds`: nothing is due any more.
    """

    hold_seconds: float | None = None
    """The writer goes on working and holds the payment so long."""
    due_seconds: float | None = None
    """Nobody holds the payment; recovery may claim it after so long."""
    begins_debt: bool = False
    """A new retry window begins now, with no alarm raised and, but for `attempts`, none made."""
    attempts: int | None = None
    answer: ApprovalAnswer | None = None
    loss: Loss | None = None
    code: str | None = None
    message: str | None = None
    detail: str | None = None
    never_sent: bool | None = None
    cancel_reason: CancelReason | None = None
    cancel: FrozenCancel | None = None
    resolution: Resolution | None = None
    kept_answer: KeptAnswer | None = None
    """Kept sealed, until the token is shredded; a later answer to the same takes its place."""
    alarmed: bool | None = None
    note: str = ""
    """What the history says of this move, in plain words."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A payment that somebody holds now, and the frozen body of its net-cancel."""

    payment: Payment
    net_cancel_body: bytes | None = field(repr=False)
    """None: it can't be opened (wrong key, damaged, shredded); a person must decide."""
