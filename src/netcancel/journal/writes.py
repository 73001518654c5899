"""What each write makes of a payment; shared by all journals, which only store the result.

Pure: the time is handed in, target states come from the transition table.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from netcancel.core.lifecycle import RECOVERABLE, CancelReason, Event, State, target
from netcancel.core.payment import MICROSECONDS, Change, Intent, Payment, Version

T = TypeVar("T")

REFUSALS: Final = frozenset({Event.NOT_ACKNOWLEDGED, Event.WINDOW_CLOSED, Event.CANCEL_REFUSED})
"""A code that comes with one of these is a net-cancel's or a cancel's refusal."""


def after(now: int, seconds: float) -> int:
    """Return the time so many seconds after `now`, in whole microseconds."""
    return now + round(seconds * MICROSECONDS)


def opened(intent: Intent, now: int) -> Payment:
    """Return the payment that an intent begins."""
    return Payment(
        id=intent.id,
        world=intent.world,
        tid=intent.tid,
        svc_id=intent.svc_id,
        bizr_no=intent.bizr_no,
        merc_trx_no=intent.merc_trx_no,
        state=target(None, Event.INTENT_WRITTEN),
        version=Version(1, intent.writer),
        last_event=Event.INTENT_WRITTEN,
        alot_month=intent.alot_month,
        trx_amt=intent.trx_amt,
        vat_amt=intent.vat_amt,
        svc_amt=intent.svc_amt,
        tran_dt=intent.tran_dt,
        tran_tm=intent.tran_tm,
        answer=None,
        loss=None,
        code=None,
        message=None,
        detail="",
        never_sent=False,
        cancel_reason=None,
        cancel_trx_no=None,
        cancel_body=None,
        resolution=None,
        attempts=0,
        is_held=True,
        due_at=after(now, intent.hold_seconds),
        owed_since=None,
        settle_at=after(now, intent.settle_after_seconds),
        alarmed=False,
        created_at=now,
        updated_at=now,
        read_at=now,
    )


def moved(seen: Payment, event: Event, writer: str, change: Change, now: int) -> Payment:
    """Return what the table's move makes of a payment, without history.

    A pair of state and event that is not a move raises `IllegalMove`.
    """
    is_held, due_at = _due(change, now)
    attempts, alarmed, owed_since = change.attempts, change.alarmed, seen.owed_since
    if change.begins_debt:
        attempts, alarmed, owed_since = attempts or 0, bool(alarmed), now
    version, cancel = Version(seen.version.counter + 1, writer), change.cancel
    return replace(
        seen,
        state=target(seen.state, event),
        version=version,
        last_event=event,
        answer=_or(change.answer, seen.answer),
        loss=_or(change.loss, seen.loss),
        code=_or(change.code, seen.code),
        message=_or(change.message, seen.message),
        detail=_or(change.detail, seen.detail),
        never_sent=_or(change.never_sent, seen.never_sent),
        cancel_reason=_or(change.cancel_reason, seen.cancel_reason),
        cancel_trx_no=seen.cancel_trx_no if cancel is None else cancel.number,
        cancel_body=seen.cancel_body if cancel is None else cancel.body.decode(),
        resolution=_or(change.resolution, seen.resolution),
        attempts=_or(attempts, seen.attempts),
        is_held=is_held,
        due_at=due_at,
        owed_since=owed_since,
        alarmed=_or(alarmed, seen.alarmed),
        updated_at=now,
        read_at=now,
        history=(),
    )


def claim(row: Payment, hold_seconds: float) -> tuple[Event, Change]:
    """Return the move by which recovery takes a due payment."""
    match row.state:
        case State.APPROVING:
            change = Change(hold_seconds=hold_seconds, begins_debt=True, attempts=1)
            return Event.LEASE_RAN_OUT, change
        case State.UNCONFIRMED:
            reason = CancelReason.CONFIRMATION_MISSED
            change = Change(hold_seconds=hold_seconds, begins_debt=True, cancel_reason=reason)
            return Event.CONFIRMATION_MISSED, change
        case State.CANCELLING:  # whether a sender had it before is seen by its attempts
            return Event.CLAIMED, Change(hold_seconds=hold_seconds)
        case _:
            return Event.CLAIMED, Change(hold_seconds=hold_seconds, attempts=row.attempts + 1)


def hand_over(row: Payment, writer: str) -> Change | None:
    """Return what makes due at once what `writer` holds; None: it holds nothing of this payment."""
    if row.version.writer != writer or not row.is_held or row.state not in RECOVERABLE:
        return None
    return Change(due_seconds=0.0, begins_debt=row.state is State.APPROVING)


def refused_code(event: Event, change: Change) -> str | None:
    """Return the code with which a net-cancel was refused, if this write says so."""
    return change.code if event in REFUSALS else None


def line(change: Change) -> str:
    """Return what the history says of a write."""
    if change.note or change.detail:
        return change.note or change.detail or ""
    return " ".join(part for part in (change.code, change.message) if part)


def noted_line(change: Change, writer: str) -> str:
    """Return what the history says of a note: its version is the row's, so it names its writer."""
    return f"{line(change)} (noted by {writer})".lstrip()


def _due(change: Change, now: int) -> tuple[bool, int | None]:
    if change.hold_seconds is not None and change.due_seconds is not None:
        raise ValueError("a payment is either held or due, not both")
    if change.hold_seconds is not None:
        return True, after(now, change.hold_seconds)
    if change.due_seconds is not None:
        return False, after(now, change.due_seconds)
    return False, None


def _or(new: T | None, old: T) -> T:
    return old if new is None else new
