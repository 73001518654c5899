"""The life of one payment. Every rule about states stands in this file.

The law, in prose:

- A payment begins as `approving`, written before the first byte of its approval leaves.
- It becomes `approved` or `declined` only by a proof (spec 3.1). Everything else is a lost answer,
  and a lost answer owes a net-cancel (spec 2.1): `net_cancelling`.
- An acknowledged net-cancel does not prove that a late approval can't follow (spec 3.5). So the
  payment is `settling` until a net-cancel that was claimed for sending after `settle_at` is
  acknowledged too; only that one leads to `net_cancelled`.
- A valid approval that turns up late (its owner was slow and somebody took over) is evidence: it
  brings the debt back, from `settling` and even from `net_cancelled`; what a person closed goes
  back to a person, and what a person has looked at must be looked at again. Nothing brings a
  payment back from `declined` or `cancelled`.
- From `approved` only a cancel that was asked for leads away. Whoever wants to confirm gets
  `unconfirmed` instead, and confirmation and cancel race for one row: exactly one wins.
- A cancel is sent once. Lost, or its sender dead: a net-cancel is owed in its place (spec 3.6).
- What no machine can decide is `escalated`: a person's. No count and no age makes a payment final.

A move is one conditional write on (state, version): whoever lost the version changes nothing.
A pair of state and event that stands neither in `MOVES` nor in `IGNORED` is a bug and raises.
"""

from __future__ import annotations

from enum import StrEnum
from types import MappingProxyType
from typing import Final, NamedTuple


class State(StrEnum):
    """Where a payment stands; stored in journals, so a value is never changed and never reused."""

    APPROVING = "approving"
    APPROVED = "approved"
    DECLINED = "declined"
    UNCONFIRMED = "unconfirmed"
    NET_CANCELLING = "net_cancelling"
    SETTLING = "settling"
    NET_CANCELLED = "net_cancelled"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    ESCALATED = "escalated"
    RESOLVED = "resolved"

    @property
    def is_final(self) -> bool:
        """Whether nothing is owed any more."""
        return self in FINAL

    @property
    def meaning(self) -> str:
        """What the state says, in one sentence."""
        return MEANINGS[self]


class Event(StrEnum):
    """What happened to a payment; stored in journals' histories, never changed, never reused."""

    INTENT_WRITTEN = "intent_written"
    APPROVAL_PROVEN = "approval_proven"
    APPROVAL_PROVEN_UNCONFIRMED = "approval_proven_unconfirmed"
    AMOUNT_DIFFERS = "amount_differs"
    AMOUNT_DIFFERS_UNCANCELLABLE = "amount_differs_uncancellable"
    DECLINE_PROVEN = "decline_proven"
    ANSWER_LOST = "answer_lost"
    TOO_LATE_TO_SEND = "too_late_to_send"
    OWNER_GAVE_UP = "owner_gave_up"
    LEASE_RAN_OUT = "lease_ran_out"
    CLAIMED = "claimed"
    ACKNOWLEDGED_EARLY = "acknowledged_early"
    ACKNOWLEDGED_LATE = "acknowledged_late"
    ANSWERED_NEVER_SENT = "answered_never_sent"
    NOT_ACKNOWLEDGED = "not_acknowledged"
    CHARGE_DENIED = "charge_denied"
    WINDOW_CLOSED = "window_closed"
    POISONED = "poisoned"
    LATE_APPROVAL = "late_approval"
    CONFIRMED = "confirmed"
    CONFIRMATION_MISSED = "confirmation_missed"
    REJECTED = "rejected"
    CANCEL_ASKED = "cancel_asked"
    CANCEL_FROZEN = "cancel_frozen"
    CANCEL_PROVEN = "cancel_proven"
    CANCEL_LOST = "cancel_lost"
    CANCEL_REFUSED = "cancel_refused"
    CANCEL_UNDECIDED = "cancel_undecided"
    CHARGE_REPORTED = "charge_reported"
    RETRY_ASKED = "retry_asked"
    RETRY_CANCEL_ASKED = "retry_cancel_asked"
    RESOLVED = "resolved"


class CancelReason(StrEnum):
    """Why a charge is cancelled; stored in journals, never changed, never reused."""

    ASKED = "asked"
    """The caller's own wish."""
    AMOUNT_MISMATCH = "amount-mismatch"
    """Another sum was approved than asked for (spec 2.3)."""
    CONFIRMATION_MISSED = "confirmation-missed"
    """The merchant did not confirm in time."""
    REJECTED = "rejected"
    """The merchant failed after the charge (spec 2.4)."""


class Resolution(StrEnum):
    """What a person found out; stored in journals, never changed, never reused."""

    CHARGE_STANDS = "charge-stands"
    NO_CHARGE = "no-charge"
    REFUNDED_OUTSIDE = "refunded-outside"


class Move(NamedTuple):
    """One permitted change of state, with its reason; `source` None: it is not there yet."""

    source: State | None
    event: Event
    target: State
    why: str


class Ignored(NamedTuple):
    """An event that may meet a state and changes nothing; it is only noted in the history."""

    source: State
    event: Event
    why: str


class IllegalMove(Exception):
    """An event met a state that the table doesn't join it with: a bug in netcancel."""


S, E = State, Event

MEANINGS: Final = MappingProxyType(
    {
        S.APPROVING: "the intent is durable; the approval may be on the wire",
        S.APPROVED: "proven charged, and it stands",
        S.DECLINED: "proven refused",
        S.UNCONFIRMED: "proven charged; the merchant has yet to confirm",
        S.NET_CANCELLING: "the answer was lost; a net-cancel is owed",
        S.SETTLING: "voided as far as we were told; a verifying net-cancel is owed",
        S.NET_CANCELLED: "voided for good",
        S.CANCELLING: "a cancel is owed",
        S.CANCELLED: "refunded",
        S.ESCALATED: "a person must decide",
        S.RESOLVED: "closed by a person",
    }
)

FINAL: Final = frozenset({S.APPROVED, S.DECLINED, S.NET_CANCELLED, S.CANCELLED, S.RESOLVED})
"""Nothing is owed in these."""

VOIDING: Final = frozenset({S.NET_CANCELLING, S.SETTLING})
"""Recovery owes these a net-cancel."""

RECOVERABLE: Final = VOIDING | {S.APPROVING, S.UNCONFIRMED, S.CANCELLING}
"""Recovery takes these when they are due."""

IN_DOUBT: Final = frozenset({S.NET_CANCELLING, S.CANCELLING})
"""Nobody can say now whether the customer is charged, or a refund is owed.

So it is with `approving` too, once its lease is over: see `Payment.in_doubt`.
"""

REFUSED_LATER: Final = VOIDING | {S.CANCELLING, S.ESCALATED}
"""Open, and perhaps with the code of a refusal."""

# ruff: noqa: E501  a table reads by its columns
# fmt: off
MOVES: Final = (
    Move(None, E.INTENT_WRITTEN, S.APPROVING, "durable before the first byte leaves"),

    Move(S.APPROVING, E.APPROVAL_PROVEN, S.APPROVED, "a proof, and nobody took over meanwhile"),
    Move(S.APPROVING, E.APPROVAL_PROVEN_UNCONFIRMED, S.UNCONFIRMED, "a proof; the merchant wants to confirm it"),
    Move(S.APPROVING, E.AMOUNT_DIFFERS, S.CANCELLING, "charged, but another sum: must be cancelled"),
    Move(S.APPROVING, E.AMOUNT_DIFFERS_UNCANCELLABLE, S.NET_CANCELLING, "another sum, and nothing to cancel it by"),
    Move(S.APPROVING, E.DECLINE_PROVEN, S.DECLINED, "a listed code is the only proof of refusal"),
    Move(S.APPROVING, E.ANSWER_LOST, S.NET_CANCELLING, "silence is neither yes nor no"),
    Move(S.APPROVING, E.TOO_LATE_TO_SEND, S.NET_CANCELLING, "an aged signature must not be sent"),
    Move(S.APPROVING, E.OWNER_GAVE_UP, S.NET_CANCELLING, "interrupted: recovery's, due at once"),
    Move(S.APPROVING, E.LEASE_RAN_OUT, S.NET_CANCELLING, "the owner is dead or too slow: fenced"),
    Move(S.APPROVING, E.CANCEL_ASKED, S.NET_CANCELLING, "nobody wants it any more: its owner is fenced"),

    Move(S.UNCONFIRMED, E.CONFIRMED, S.APPROVED, "the merchant's order stands; before confirm_by or after"),
    Move(S.UNCONFIRMED, E.CONFIRMATION_MISSED, S.CANCELLING, "no order stands behind the charge"),
    Move(S.UNCONFIRMED, E.REJECTED, S.CANCELLING, "the merchant failed after the charge (spec 2.4)"),
    Move(S.UNCONFIRMED, E.CANCEL_ASKED, S.CANCELLING, "the caller's own wish"),

    Move(S.APPROVED, E.CANCEL_ASKED, S.CANCELLING, "the caller's own wish; nothing automatic leads here"),

    Move(S.CANCELLING, E.CLAIMED, S.CANCELLING, "a new version fences the last sender"),
    Move(S.CANCELLING, E.OWNER_GAVE_UP, S.CANCELLING, "interrupted: due at once"),
    Move(S.CANCELLING, E.CANCEL_FROZEN, S.CANCELLING, "its number and body are durable before it is sent"),
    Move(S.CANCELLING, E.CANCEL_PROVEN, S.CANCELLED, "refunded"),
    Move(S.CANCELLING, E.CANCEL_LOST, S.NET_CANCELLING, "it may have been worked, or can't be built: never sent again (spec 3.6)"),
    Move(S.CANCELLING, E.CANCEL_REFUSED, S.ESCALATED, "the charge stands where it must not"),
    Move(S.CANCELLING, E.CANCEL_UNDECIDED, S.ESCALATED, "no cancel and no net-cancel may or can follow"),

    Move(S.NET_CANCELLING, E.CLAIMED, S.NET_CANCELLING, "a new version fences the last sender"),
    Move(S.NET_CANCELLING, E.OWNER_GAVE_UP, S.NET_CANCELLING, "interrupted: due at once"),
    Move(S.NET_CANCELLING, E.ACKNOWLEDGED_EARLY, S.SETTLING, "a late approval may still follow"),
    Move(S.NET_CANCELLING, E.ACKNOWLEDGED_LATE, S.NET_CANCELLED, "nothing can follow any more"),
    Move(S.NET_CANCELLING, E.ANSWERED_NEVER_SENT, S.NET_CANCELLED, "no byte left: nothing to void"),
    Move(S.NET_CANCELLING, E.NOT_ACKNOWLEDGED, S.NET_CANCELLING, "refused or lost: still owed"),
    Move(S.NET_CANCELLING, E.CHARGE_DENIED, S.ESCALATED, "a proven charge can't be unknown"),
    Move(S.NET_CANCELLING, E.WINDOW_CLOSED, S.ESCALATED, "machines stop, a person starts"),
    Move(S.NET_CANCELLING, E.POISONED, S.ESCALATED, "nobody can build its net-cancel"),
    Move(S.NET_CANCELLING, E.LATE_APPROVAL, S.NET_CANCELLING, "an earlier answer can't close it"),

    Move(S.SETTLING, E.CLAIMED, S.SETTLING, "the settle time is over: verify"),
    Move(S.SETTLING, E.OWNER_GAVE_UP, S.SETTLING, "interrupted: due at once"),
    Move(S.SETTLING, E.ACKNOWLEDGED_EARLY, S.SETTLING, "the clock stepped back: verify again"),
    Move(S.SETTLING, E.ACKNOWLEDGED_LATE, S.NET_CANCELLED, "nothing can follow any more"),
    Move(S.SETTLING, E.NOT_ACKNOWLEDGED, S.SETTLING, "not verified yet; a person is alarmed"),
    Move(S.SETTLING, E.CHARGE_DENIED, S.ESCALATED, "a proven charge can't be unknown"),
    Move(S.SETTLING, E.WINDOW_CLOSED, S.ESCALATED, "machines stop, a person starts"),
    Move(S.SETTLING, E.POISONED, S.ESCALATED, "nobody can build its net-cancel"),
    Move(S.SETTLING, E.LATE_APPROVAL, S.NET_CANCELLING, "charged after all: owed again"),

    Move(S.NET_CANCELLED, E.LATE_APPROVAL, S.NET_CANCELLING, "charged after all: owed again"),
    Move(S.NET_CANCELLED, E.CHARGE_REPORTED, S.NET_CANCELLING, "the settlement has a charge: owed again"),

    Move(S.ESCALATED, E.LATE_APPROVAL, S.ESCALATED, "nobody may decide on less than this any more"),
    Move(S.ESCALATED, E.RETRY_ASKED, S.NET_CANCELLING, "a person wants it tried again"),
    Move(S.ESCALATED, E.RETRY_CANCEL_ASKED, S.CANCELLING, "a person wants it cancelled under a new number"),
    Move(S.ESCALATED, E.RESOLVED, S.RESOLVED, "a person has found out what became of it"),

    Move(S.RESOLVED, E.LATE_APPROVAL, S.ESCALATED, "the person decided on less than this"),
)

IGNORED: Final = (
    Ignored(S.APPROVED, E.LATE_APPROVAL, "approved stands; a second proof is only noted"),
    Ignored(S.DECLINED, E.LATE_APPROVAL, "declined stands; noted, and a person is alarmed"),
    Ignored(S.CANCELLING, E.LATE_APPROVAL, "the charge was known, and is being cancelled"),
    Ignored(S.CANCELLED, E.LATE_APPROVAL, "the charge was known, and is refunded"),
)
# fmt: on

_TARGETS: Final = MappingProxyType({(move.source, move.event): move.target for move in MOVES})
_IGNORED: Final = frozenset((row.source, row.event) for row in IGNORED)


def target(source: State | None, event: Event) -> State:
    """Return the state that `event` leads to from `source`; a pair off the table raises."""
    try:
        return _TARGETS[source, event]
    except KeyError:
        raise IllegalMove(f"{event} is not a move from {source}") from None


def is_move(source: State | None, event: Event) -> bool:
    """Whether `event` may move a payment out of `source`."""
    return (source, event) in _TARGETS


def is_ignored(source: State, event: Event) -> bool:
    """Whether `event` is only noted in `source`."""
    return (source, event) in _IGNORED
