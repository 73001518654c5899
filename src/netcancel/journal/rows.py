"""How a payment stands in a row, and what is read from a row that is damaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from netcancel.core.lifecycle import CancelReason, Event, Resolution, State
from netcancel.core.payment import Entry, Intent, Payment, Unreadable, Version
from netcancel.errors import JournalUnavailable
from netcancel.journal.vault import row_name
from netcancel.kicc import ApprovalAnswer, Loss

if TYPE_CHECKING:
    from collections.abc import Iterable

SCHEMA: Final = 5
"""The number of the newest migration: the schema that this code works with, in every database."""

SEALED_SCHEMA: Final = 1
"""What is sealed is bound to this number: another would leave every token closed."""

KNOWN_EVENTS: Final = {event.value: event for event in Event}
MAY_BE_ABSENT: Final = ("answer", "loss", "cancel_reason", "resolution")


class Row(Protocol):
    """What a database's driver gives for a row: values by the names of the columns."""

    def keys(self) -> Iterable[str]:
        """Return the names."""

    def __getitem__(self, name: str, /) -> Any:  # noqa: ANN401  of any column
        """Return a value."""


def name_of(payment: Payment | Intent) -> bytes:
    """Return what a payment's sealed text is bound to."""
    return row_name(
        world=payment.world,
        tid=payment.tid,
        merc_trx_no=payment.merc_trx_no,
        payment_id=payment.id,
        schema=SEALED_SCHEMA,
    )


def name_in(row: Row) -> bytes:
    """Return what a row's sealed text is bound to."""
    return row_name(
        world=row["world"],
        tid=row["tid"],
        merc_trx_no=row["merc_trx_no"],
        payment_id=row["id"],
        schema=SEALED_SCHEMA,
    )


def columns(payment: Payment) -> dict[str, Any]:
    """Return a payment as plain types: for SQLite, adapting others costs more than the insert."""
    return {
        "id": payment.id,
        "world": payment.world,
        "tid": payment.tid,
        "svc_id": payment.svc_id,
        "bizr_no": payment.bizr_no,
        "merc_trx_no": payment.merc_trx_no,
        "alot_month": payment.alot_month,
        "state": payment.state.value,
        "version_count": payment.version.counter,
        "version_writer": payment.version.writer,
        "van_trx_no": None if payment.answer is None else payment.answer.van_trx_no,
        "trx_amt": payment.trx_amt,
        "vat_amt": payment.vat_amt,
        "svc_amt": payment.svc_amt,
        "tran_dt": payment.tran_dt,
        "tran_tm": payment.tran_tm,
        "loss": None if payment.loss is None else payment.loss.value,
        "code": payment.code,
        "message": payment.message,
        "detail": payment.detail,
        "never_sent": int(payment.never_sent),
        "cancel_reason": payment.cancel_reason and payment.cancel_reason.value,
        "cancel_trx_no": payment.cancel_trx_no,
        "cancel_body": payment.cancel_body,
        "resolution": payment.resolution and payment.resolution.value,
        "attempts": payment.attempts,
        "is_held": int(payment.is_held),
        "due_at": payment.due_at,
        "owed_since": payment.owed_since,
        "settle_at": payment.settle_at,
        "alarmed": int(payment.alarmed),
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
    }


def are_writable(texts: Iterable[str]) -> bool:
    """Whether every database can hold the texts: UTF-8 without NUL, which PostgreSQL lacks."""
    joined = "".join(texts)
    try:
        joined.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in joined


def payment(row: Row, now: int) -> Payment:
    """Read a row; one of a newer netcancel, or damaged, raises `JournalUnavailable`."""
    try:
        answer, loss = row["answer"], row["loss"]
        reason, resolution = row["cancel_reason"], row["resolution"]
        return Payment(
            id=row["id"],
            world=row["world"],
            tid=row["tid"],
            svc_id=row["svc_id"],
            bizr_no=row["bizr_no"],
            merc_trx_no=row["merc_trx_no"],
            state=State(row["state"]),
            version=Version(row["version_count"], row["version_writer"]),
            last_event=KNOWN_EVENTS.get(row["event"]),
            alot_month=row["alot_month"],
            trx_amt=row["trx_amt"],
            vat_amt=row["vat_amt"],
            svc_amt=row["svc_amt"],
            tran_dt=row["tran_dt"],
            tran_tm=row["tran_tm"],
            answer=None if answer is None else ApprovalAnswer.from_json(answer),
            loss=None if loss is None else Loss(loss),
            code=row["code"],
            message=row["message"],
            detail=row["detail"],
            never_sent=bool(row["never_sent"]),
            cancel_reason=None if reason is None else CancelReason(reason),
            cancel_trx_no=row["cancel_trx_no"],
            cancel_body=row["cancel_body"],
            resolution=None if resolution is None else Resolution(resolution),
            attempts=row["attempts"],
            is_held=bool(row["is_held"]),
            due_at=row["due_at"],
            owed_since=row["owed_since"],
            settle_at=row["settle_at"],
            alarmed=bool(row["alarmed"]),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            read_at=now,
        )
    except ValueError:
        raise JournalUnavailable(
            f"payment {row['id']} can't be read by this version of netcancel: it is damaged, or"
            " of a newer one"
        ) from None


def payment_in_part(row: Row, now: int) -> Payment:
    """Read a row, without what it need not have where a part of that can't be read."""
    try:
        return payment(row, now)
    except JournalUnavailable:
        return payment(dict(row) | dict.fromkeys(MAY_BE_ABSENT), now)


def payment_or_number(row: Row, now: int) -> Payment | Unreadable:
    """Read a row likewise, or of a newer netcancel's only whose it is."""
    try:
        return payment_in_part(row, now)
    except JournalUnavailable:
        return Unreadable(row["tid"], row["merc_trx_no"], row["tran_dt"])


def entry(row: Row) -> Entry | None:
    """Read a line of the history; None: of a newer netcancel."""
    try:
        return Entry(
            at=row["at"],
            version=Version(row["version_count"], row["version_writer"]),
            source=None if row["source"] is None else State(row["source"]),
            event=Event(row["event"]),
            target=State(row["target"]),
            note=row["note"],
        )
    except ValueError:
        return None
