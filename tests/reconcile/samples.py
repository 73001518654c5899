"""Settlement files, and journals to compare them with."""

from __future__ import annotations

import csv
import io
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.lifecycle import Event, Resolution, State
from netcancel.core.payment import Change
from netcancel.kicc import ApprovalAnswer
from netcancel.reconcile import Covered, Kind, Layout, Row, read_settlement, reconcile
from tests.core import samples as core
from tests.journal.samples import CHANGES, bring_to, move

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netcancel.core.payment import Page, Payment, Unreadable, Used
    from netcancel.journal import Journal
    from netcancel.reconcile import Difference, Result
    from netcancel.reconcile.merging import Reads

TID: Final = "T123456789"
DAY: Final = "20231225"
HEADER: Final = ("tid", "mercTrxNo", "trxAmt", "tranDt", "aprvNo")


def text_of(rows: Iterable[Sequence[object]], header: Sequence[str] = HEADER) -> bytes:
    """Write a settlement file as a spreadsheet does."""
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(header)
    writer.writerows(rows)
    return written.getvalue().encode()


def read(content: bytes, *, tid: str | None = None, **layout: Any) -> list[Row]:
    """Read a file's rows."""
    return list(read_settlement(io.BytesIO(content), Layout(**layout), tid=tid).rows)


def charge(number: str, amount: int = 10_000, **changes: Any) -> Row:
    """Return a row that charges a number."""
    row = Row(2, TID, number, amount, is_refund=False, date=DAY, aprv_no=None)
    return row._replace(**changes)


def refund(number: str, amount: int = 10_000, **changes: Any) -> Row:
    """Return a row that takes it back."""
    return charge(number, amount, is_refund=True, **changes)


def payment(number: str, state: State = State.APPROVED, **changes: Any) -> Payment:
    """Return a payment of the covered day."""
    values = {"tid": TID, "merc_trx_no": number, "state": state, "tran_dt": DAY}
    return core.payment(**values | changes)


class Pages:
    """A pager over given payments; it notes the pages that were asked for."""

    def __init__(
        self,
        payments: Iterable[Payment | Unreadable],
        used: Mapping[tuple[str, str], Used] | None = None,
    ) -> None:
        self._used = used or {}
        self._payments = sorted(payments, key=lambda each: (each.tid, each.merc_trx_no))
        self.asked: list[tuple[tuple[str, str] | None, int]] = []

    def page(self, *, after: tuple[str, str] | None, limit: int) -> Future[Page]:
        """Return the payments behind `after`."""
        self.asked.append((after, limit))
        behind = [
            each for each in self._payments if after is None or (each.tid, each.merc_trx_no) > after
        ]
        future: Future[Page] = Future()
        future.set_result(behind[:limit])
        return future

    def find_used(self, tid: str, merc_trx_no: str) -> Future[Used | None]:
        """Return what is kept of a number whose payment has been archived."""
        future: Future[Used | None] = Future()
        future.set_result(self._used.get((tid, merc_trx_no)))
        return future


def compare(
    rows: Iterable[Row], journal: Reads, covered: Covered | None = None
) -> tuple[Result, list[tuple[Kind, str]]]:
    """Compare, and return the result with each difference's kind and number."""
    told: list[tuple[Kind, str]] = []

    def tell(difference: Difference) -> None:
        known = difference.settled or difference.payment
        assert known is not None
        told.append((difference.kind, known.merc_trx_no))

    result = reconcile(rows, journal, tell=tell, covered=covered or Covered(DAY, DAY))
    return result, told


def plant(
    journal: Journal,
    number: str,
    state: State,
    resolution: Resolution | None = None,
    **changes: Any,
) -> Payment:
    """Bring a payment of a journal into a state, by moves of the table."""
    values = {"tid": TID, "merc_trx_no": number, "tran_dt": DAY} | changes
    if resolution is None:
        return bring_to(journal, state, **values)
    escalated = bring_to(journal, State.ESCALATED, **values)
    change = replace(CHANGES[State.RESOLVED], resolution=resolution)
    return move(journal, escalated, Event.RESOLVED, change)


def approve_with(journal: Journal, number: str, approved: int, **changes: Any) -> Payment:
    """Plant an approved payment of another amount than asked for."""
    opened = bring_to(journal, State.APPROVING, tid=TID, merc_trx_no=number, tran_dt=DAY, **changes)
    answer = ApprovalAnswer(resp_cd="0000", trx_amt=approved, aprv_no="12345678")
    return move(journal, opened, Event.APPROVAL_PROVEN, Change(answer=answer))
