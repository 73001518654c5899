"""A payment in plain words, and in the form for machines. Pure."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS
from netcancel.kicc import Loss

if TYPE_CHECKING:
    from netcancel.core.payment import Entry, Payment
    from netcancel.kicc import ApprovalAnswer

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LOSSES: Final = {
    Loss.READ_TIMEOUT: "no answer in time",
    Loss.CONNECTION_ERROR: "the connection failed",
    Loss.PARSING_ERROR: "the answer could not be understood",
    Loss.AMBIGUOUS_CODE: "the answer's code proves nothing",
}

UNITS: Final = (("day", 86_400), ("h", 3_600), ("min", 60), ("s", 1))


def duration(seconds: float) -> str:
    """Say how long in the two largest units that fit: "2 h 5 min"."""
    left = max(0, round(seconds))
    said: list[str] = []
    for unit, size in UNITS:
        count, left = divmod(left, size)
        if count:
            plural = "s" if unit == "day" and count > 1 else ""
            said.append(f"{count} {unit}{plural}")
        elif said:
            break
    return " ".join(said[:2]) or "0 s"


def iso(microseconds: int | None) -> str | None:
    """Write a journal's time as ISO 8601 in UTC."""
    if microseconds is None:
        return None
    moment = EPOCH + timedelta(microseconds=microseconds)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


def won(amount: int) -> str:
    """Write an amount of KRW."""
    return f"{amount:,}"


def age(payment: Payment) -> str:
    """Say how long ago the payment began."""
    return duration((payment.read_at - payment.created_at) / MICROSECONDS)


def next_attempt(payment: Payment) -> str:
    """Say who does what next, and when."""
    if payment.state is State.ESCALATED:
        return "a person's: netcancel retry, or netcancel resolve"
    if payment.state.is_final or payment.due_at is None:
        return "nothing is owed"
    wait = (payment.due_at - payment.read_at) / MICROSECONDS
    if payment.state is State.UNCONFIRMED and wait > 0:
        return f"to be confirmed in {duration(wait)}, else cancelled"
    if wait <= 0:
        return "due now"
    if payment.is_held:
        return f"being worked on, at most {duration(wait)}"
    return f"in {duration(wait)}"


def last_answer(payment: Payment) -> str:
    """Say what is known of the gateway's last answer."""
    if payment.code is not None:
        said = f'{payment.code} "{payment.message}"' if payment.message else payment.code
    elif payment.loss is not None:
        said = LOSSES[payment.loss]
    elif payment.detail:
        said = payment.detail
    else:
        return "none yet" if payment.state is State.APPROVING else "none"
    return said


def payment_row(payment: Payment) -> dict[str, Any]:
    """Return a payment for machines, without its history."""
    return {
        "tid": payment.tid,
        "svc_id": payment.svc_id,
        "bizr_no": payment.bizr_no,
        "merc_trx_no": payment.merc_trx_no,
        "state": payment.state,
        "version": str(payment.version),
        "last_event": payment.last_event,
        "alot_month": payment.alot_month,
        "trx_amt": payment.trx_amt,
        "approved_amt": payment.approved_amt,
        "vat_amt": payment.vat_amt,
        "svc_amt": payment.svc_amt,
        "tran_dt": payment.tran_dt,
        "tran_tm": payment.tran_tm,
        "in_doubt": payment.in_doubt,
        "in_doubt_seconds": payment.in_doubt_seconds,
        "attempts": payment.attempts,
        "is_held": payment.is_held,
        "due_at": iso(payment.due_at),
        "owed_since": iso(payment.owed_since),
        "settle_at": iso(payment.settle_at),
        "alarmed": payment.alarmed,
        "loss": payment.loss,
        "detail": payment.detail,
        "never_sent": payment.never_sent,
        "cancel_reason": payment.cancel_reason,
        "cancel_trx_no": payment.cancel_trx_no,
        "resolution": payment.resolution,
        "code": payment.code,
        "message": payment.message,
        "answer": None if payment.answer is None else answer_row(payment.answer),
        "world": payment.world,
        "created_at": iso(payment.created_at),
        "updated_at": iso(payment.updated_at),
        "read_at": iso(payment.read_at),
    }


def answer_row(answer: ApprovalAnswer) -> dict[str, Any]:
    """Return an approval's answer for machines, by the manual's names."""
    row: dict[str, Any] = json.loads(answer.to_json())
    return row


def entry_row(entry: Entry) -> dict[str, Any]:
    """Return one line of a history for machines."""
    return {
        "at": iso(entry.at),
        "version": str(entry.version),
        "source": entry.source,
        "event": entry.event,
        "target": entry.target,
        "note": entry.note,
    }
