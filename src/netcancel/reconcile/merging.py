"""The merge: a settlement file's numbers and the journal's, both in order, side by side.

Neither is ever in memory as a whole. The journal isn't stopped for it: a payment is told as it is
when its page is read.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.reconcile.judging import Archived, Kind, differences
from netcancel.reconcile.layout import is_date
from netcancel.reconcile.spill import Spill

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from concurrent.futures import Future

    from netcancel.core.payment import Page, Payment, Unreadable, Used
    from netcancel.reconcile.judging import Difference
    from netcancel.reconcile.rows import Row
    from netcancel.reconcile.spill import Settled

T = TypeVar("T")

PAGE_PAYMENTS: Final = 500
"""Of the journal at once: a page is read in some hundredths of a second, and others go on."""

PAGE_SECONDS: Final = 30.0
"""A page takes longer only where the journal is in trouble."""


class Reads(Protocol):
    """The part of a journal that is needed here; see `journal.contract.Journal`."""

    def page(self, *, after: tuple[str, str] | None, limit: int) -> Future[Page]:
        """Return payments in ascending order of (tid, merc_trx_no), those behind `after`."""

    def find_used(self, tid: str, merc_trx_no: str) -> Future[Used | None]:
        """Return what is kept of a number whose payment has been archived."""


@dataclass(frozen=True, slots=True)
class Covered:
    """Of which sales a file is complete: their dates, both ends included, and their terminals."""

    first: str | None = None
    """yyyyMMdd; None: the smallest date of the file."""
    last: str | None = None
    """yyyyMMdd; None: the largest."""
    tids: frozenset[str] | None = None
    """None: all that the journal has."""

    def __post_init__(self) -> None:
        if not all(day is None or is_date(day) for day in (self.first, self.last)):
            raise ConfigurationError("--from and --to are dates of the calendar, written yyyyMMdd")

    def has(self, payment: Payment | Unreadable) -> bool:
        """Whether the file would have this payment if it were charged."""
        if self.first is None or self.last is None:
            raise ConfigurationError("the covered dates are not known")
        is_meant = self.tids is None or payment.tid in self.tids
        return is_meant and self.first <= payment.tran_dt <= self.last

    def narrowed_by(self, first: str | None, last: str | None) -> Covered:
        """Fill in the file's own dates; raises `ConfigurationError` where there are none."""
        first, last = self.first or first, self.last or last
        if first is None or last is None:
            raise ConfigurationError(
                "which dates the settlement file covers is not known, because it has no dates: say"
                " it with --from and --to (yyyyMMdd), or name its column with --date-column"
            )
        if first > last:
            raise ConfigurationError(
                f"the settlement file can't cover {first} to {last}: give --from and --to in order"
            )
        return Covered(first, last, self.tids)


@dataclass(frozen=True, slots=True)
class Result:
    """What was compared, and how much of it differs."""

    covered: Covered
    rows: int
    numbers: int
    """Numbers that the file names."""
    payments: int
    """Payments that the journal has."""
    matched: int
    """Numbers of the file of which the journal says the same."""
    by_kind: Mapping[Kind, int]
    """Numbers that differ so; one may differ in several ways."""

    @property
    def balances(self) -> bool:
        """Whether nothing differs."""
        return not any(self.by_kind.values())


def reconcile(
    rows: Iterable[Row],
    journal: Reads,
    *,
    tell: Callable[[Difference], object],
    covered: Covered = Covered(),
) -> Result:
    """Compare a settlement file's rows with the journal; `tell` gets each difference when found.

    All rows are read before the journal is, and before anything is told. Raises what the rows'
    source raises, `ConfigurationError` and `JournalUnavailable`: then what was told is not
    complete.
    """
    with Spill() as spill:
        row_count = spill.fill(rows)
        complete = covered.narrowed_by(*spill.dates())
        numbers = payments = matched = 0
        by_kind: Counter[Kind] = Counter()
        for settled, payment in _side_by_side(spill.settled(), _payments(journal)):
            is_covered = payment is not None and complete.has(payment)
            known = payment or (None if settled is None else _archived(journal, settled))
            found = differences(settled, known, is_covered=is_covered)
            numbers += settled is not None
            payments += payment is not None
            matched += settled is not None and not found
            for difference in found:
                by_kind[difference.kind] += 1
                tell(difference)
    return Result(
        covered=complete,
        rows=row_count,
        numbers=numbers,
        payments=payments,
        matched=matched,
        by_kind={kind: by_kind[kind] for kind in Kind},
    )


def _side_by_side(
    settled: Iterator[Settled], payments: Iterator[Payment | Unreadable]
) -> Iterator[tuple[Settled | None, Payment | Unreadable | None]]:
    """Join two ordered streams by number; None stands where one of them lacks it."""
    left, right = next(settled, None), next(payments, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left.number < _number(right)):
            yield left, None
            left = next(settled, None)
        elif left is None or left.number > _number(right):
            yield None, right
            right = next(payments, None)
        else:
            yield left, right
            left, right = next(settled, None), next(payments, None)


def _payments(journal: Reads) -> Iterator[Payment | Unreadable]:
    """Return the journal's payments in order, while it reads the page behind them."""
    last: tuple[str, str] | None = None
    ahead = journal.page(after=None, limit=PAGE_PAYMENTS)
    while page := _result(ahead):
        ahead = journal.page(after=_number(page[-1]), limit=PAGE_PAYMENTS)
        for payment in page:
            number = _number(payment)
            if last is not None and number <= last:
                raise JournalUnavailable(
                    "the journal doesn't sort numbers by their bytes, so they can't be compared:"
                    " its columns tid and merc_trx_no need a binary collation"
                )
            last = number
            yield payment


def _archived(journal: Reads, settled: Settled) -> Archived | None:
    """Ask for a number that no page had: its payment may have left the journal."""
    used = _result(journal.find_used(settled.tid, settled.merc_trx_no))
    return None if used is None else Archived(settled.tid, settled.merc_trx_no, used.state)


def _result(future: Future[T]) -> T:
    try:
        return future.result(PAGE_SECONDS)
    except FutureTimeoutError:
        raise JournalUnavailable(f"the journal gave no answer in {PAGE_SECONDS:g} s") from None


def _number(payment: Payment | Unreadable) -> tuple[str, str]:
    return payment.tid, payment.merc_trx_no
