"""Payments that were closed long ago leave the journal; their numbers stay used for ever.

Whoever takes them has written them to a file, durably, before they are deleted here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netcancel.core.payment import Payment, Used
from netcancel.errors import JournalUnavailable
from netcancel.journal import rows, writes
from netcancel.journal.contract import Archivable, ArchivePlace
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcancel.journal.operations import Runs, Session
    from netcancel.journal.rows import Row


def archivable(
    session: Session, now: int, *, closed_seconds: float, place: ArchivePlace, limit: int
) -> Archivable:
    """Read payments that may leave, with their whole histories."""
    wanted = {
        "closed_before": writes.after(now, -closed_seconds),
        "after_at": place.closed_at,
        "after_id": place.payment_id,
        "limit": limit,
    }
    found = session.execute(Query.ARCHIVABLE, wanted).rows
    read = [_whole(session, row, now) for row in found]
    payments = [payment for payment in read if payment is not None]
    then = ArchivePlace(found[-1]["updated_at"], found[-1]["id"]) if found else None
    return Archivable(payments, len(found) - len(payments), then)


def archive(session: Session, now: int, *, payments: Sequence[Payment]) -> int:
    """Delete payments that are as they were read, and keep their numbers as used."""
    return sum(_archive(session, now, payment) for payment in payments)


def used(session: Runs, _now: int, *, tid: str, merc_trx_no: str) -> Used | None:
    """Read what is kept of a number whose payment has left."""
    values = {"tid": tid, "merc_trx_no": merc_trx_no}
    if not rows.are_writable(values.values()):
        return None
    row = session.execute(Query.USED_NUMBER, values).row
    return None if row is None else Used(row["state"], row["closed_at"], row["archived_at"])


def _whole(session: Session, row: Row, now: int) -> Payment | None:
    """Read a payment and every line of its history; None: something can't be read."""
    lines = session.execute(Query.HISTORY, {"seq": row["seq"]}).rows
    history = tuple(entry for entry in map(rows.entry, lines) if entry is not None)
    if len(history) < len(lines):
        return None
    try:
        return replace(rows.payment(row, now), history=history)
    except JournalUnavailable:
        return None


def _archive(session: Session, now: int, payment: Payment) -> bool:
    seen = {
        "id": payment.id,
        "version_count": payment.version.counter,
        "version_writer": payment.version.writer,
        "lines": len(payment.history),
        "now": now,
    }
    # By itself, so that what another session wrote until then is counted by the next statement.
    session.execute(Query.READ_TO_WRITE, {"id": payment.id})
    if not session.execute(Query.USE_NUMBER, seen).written:
        return False
    session.execute(Query.FORGET_HISTORY, {"id": payment.id})
    session.execute(Query.FORGET_PAYMENT, {"id": payment.id})
    return True
