"""Rows sorted by number, on disk: what a settlement file says of each number, in ascending order.

The order is that of the texts' bytes in UTF-8, which is Python's own order of texts too.
"""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Final, Self

from netcancel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator

    from netcancel.reconcile.rows import Row

CACHE_KIB: Final = 16_000
"""Memory for the file's pages, and once more for sorting; the rest is on disk."""

_PRAGMAS: Final = (
    "temp_store=1",  # what is being sorted goes to disk too
    f"cache_size=-{CACHE_KIB}",
    "journal_mode=off",  # it is filled once, and thrown away
    "synchronous=off",
)
_TABLE: Final = """
CREATE TABLE row (
    line INTEGER, tid TEXT, merc_trx_no TEXT, amount INTEGER, is_refund INTEGER,
    date TEXT, aprv_no TEXT)
"""
_BY_NUMBER: Final = """
SELECT tid, merc_trx_no, amount, sum(1 - is_refund), sum(is_refund), min(line),
    max(CASE is_refund WHEN 0 THEN aprv_no END)
FROM row GROUP BY tid, merc_trx_no, amount ORDER BY tid, merc_trx_no, amount
"""


@dataclass(slots=True)
class Settled:
    """What the file says of one number.

    A refund takes back one charge of the same amount; what is left over then *stands*.
    """

    tid: str
    merc_trx_no: str
    line: int = 0
    """The first row that names it."""
    charges: int = 0
    refunds: int = 0
    charged: int = 0
    """The sum of all charges, in KRW."""
    refunded: int = 0
    """The sum of all refunds."""
    standing_charges: int = 0
    smallest_standing: int | None = None
    """The smallest amount of a charge or refund that stands; None: none does."""
    largest_standing: int | None = None
    standing_charge: int | None = None
    """The amount of a charge that stands, the largest; None: none does."""
    aprv_no: str | None = None
    """The approval number of that charge, where the file has one."""

    @property
    def number(self) -> tuple[str, str]:
        """Terminal and merchant transaction number."""
        return self.tid, self.merc_trx_no

    @property
    def net(self) -> int:
        """What the customer paid after all, as far as this file tells; negative: got back."""
        return self.charged - self.refunded

    @property
    def is_repeated(self) -> bool:
        """Whether it is charged more than once, or refunded more than once and over its charge."""
        over_refunded = self.refunds > 1 and self.refunded > self.charged
        return self.standing_charges > 1 or over_refunded

    def stands_only_with(self, amount: int) -> bool:
        """Whether nothing stands that is of another amount."""
        return {self.smallest_standing, self.largest_standing} <= {None, amount}

    def add(self, amount: int, charges: int, refunds: int, line: int, aprv_no: str | None) -> None:
        """Count the rows of one amount; amounts come in ascending order."""
        self.line = min(self.line or line, line)
        self.charges += charges
        self.refunds += refunds
        self.charged += amount * charges
        self.refunded += amount * refunds
        self.standing_charges += max(0, charges - refunds)
        if charges > refunds:
            self.standing_charge, self.aprv_no = amount, aprv_no
        if charges != refunds:
            self.largest_standing = amount
            if self.smallest_standing is None:
                self.smallest_standing = amount


class Spill:
    """A temporary SQLite file without a name, mode 0600: gone with its process, whatever happens.

    It lies where SQLite puts such files: in SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp.
    """

    def __init__(self) -> None:
        self._connection = sqlite3.connect("", isolation_level=None)
        for pragma in _PRAGMAS:
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(_TABLE)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def fill(self, rows: Iterable[Row]) -> int:
        """Take all rows and return how many; whatever their source raises goes through."""
        with _disk_trouble():
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT INTO row VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")
            count: int = self._connection.execute("SELECT count(*) FROM row").fetchone()[0]
        return count

    def dates(self) -> tuple[str | None, str | None]:
        """Return the smallest and the largest date; None, None where no row has one."""
        with _disk_trouble():
            first, last = self._connection.execute(
                "SELECT min(date), max(date) FROM row"
            ).fetchone()
        return first, last

    def settled(self) -> Iterator[Settled]:
        """Return what is said of each number, in ascending order."""
        with _disk_trouble():
            rows = self._connection.execute(_BY_NUMBER)
            for number, amounts in groupby(rows, lambda row: (row[0], row[1])):
                settled = Settled(*number)
                for _, _, amount, charges, refunds, line, aprv_no in amounts:
                    settled.add(amount, charges, refunds, line, aprv_no)
                yield settled


@contextmanager
def _disk_trouble() -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise ConfigurationError(
            f"the rows can't be sorted on disk ({error}): name a directory with room in TMPDIR"
        ) from None
