"""From a settlement file's bytes to its rows, one at a time.

Strict: a file that is broken anywhere is refused, because half of it would look like lost sales.
What is refused is named by its line; no cell is ever shown.
"""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, BinaryIO, Final

from netcancel.errors import ConfigurationError
from netcancel.kicc.text import is_safe
from netcancel.reconcile.layout import COLUMNS
from netcancel.reconcile.rows import Row, UnreadableSettlement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netcancel.reconcile.layout import Layout

LINE_BYTES_MAX: Final = 65_536
"""No line of such a file is longer; more would be read into memory at once."""

NAME_CHARACTERS_MAX: Final = 128
"""Of a terminal, a number, an approval number: longer than any that the manual has."""

# No more digits than a payment's total has, and two to spare; ".00" is how spreadsheets write KRW.
_AMOUNT: Final = re.compile(r"-?(?:[0-9]{1,12}|[0-9]{1,3}(?:,[0-9]{3}){1,3})(?:\.00)?")


@dataclass(frozen=True, slots=True)
class Settlement:
    """A file whose header is read and fits; its rows can be read once."""

    rows: Iterator[Row]
    """In the file's order; raises `UnreadableSettlement` at the first thing that is wrong."""
    only_tid: str | None
    """The one terminal of a file that has no column of terminals."""


def read_settlement(file: BinaryIO, layout: Layout, *, tid: str | None = None) -> Settlement:
    """Read a file's header; `tid` is whose file it is where it has no column of terminals.

    Raises `UnreadableSettlement`, and `ConfigurationError` where that terminal is missing.
    """
    table = _table(file, layout)
    head = next(table, None)
    if head is None:
        raise UnreadableSettlement(None, "it is empty: not even a header is there")
    line, names = head
    places = _places(names, layout, line)
    only_tid = None if "tid_column" in places else tid
    if "tid_column" not in places and not only_tid:
        raise ConfigurationError(
            "the settlement file has no column of terminals: name it with --tid-column, or say"
            " with --tid whose file it is"
        )
    reader = _Reader(layout, places, len(names), only_tid or "")
    return Settlement((reader.row(line, cells) for line, cells in table), only_tid)


@dataclass(slots=True)
class _Reader:
    """What the header said, and what kinds of charges were seen."""

    layout: Layout
    places: dict[str, int]
    width: int
    tid: str
    charges: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.charges = set(self.layout.charge_value)

    def row(self, line: int, cells: list[str]) -> Row:
        """Read one row."""
        if len(cells) != self.width:
            raise UnreadableSettlement(
                line, f"it has {len(cells)} cells where the header has {self.width}"
            )
        amount = self._amount(line, cells)
        is_refund = amount < 0
        if "kind_column" in self.places:
            is_refund = self._is_refund(line, cells, is_negative=is_refund)
        has_tid = "tid_column" in self.places
        return Row(
            line=line,
            tid=self._name(line, cells, "tid_column") if has_tid else self.tid,
            merc_trx_no=self._name(line, cells, "number_column"),
            amount=abs(amount),
            is_refund=is_refund,
            date=self._date(line, cells) if "date_column" in self.places else None,
            aprv_no=self._aprv_no(line, cells),
        )

    def _cell(self, cells: list[str], role: str) -> str:
        # Files are padded; neither numbers nor amounts nor dates hold a space at their ends.
        return cells[self.places[role]].strip(" ")

    def _amount(self, line: int, cells: list[str]) -> int:
        cell = self._cell(cells, "amount_column")
        if _AMOUNT.fullmatch(cell) is None:
            raise UnreadableSettlement(
                line,
                "the amount is not whole KRW: up to 12 digits, with commas between thousands or"
                " without, and a minus before a refund",
            )
        return int(cell.removesuffix(".00").replace(",", ""))

    def _is_refund(self, line: int, cells: list[str], *, is_negative: bool) -> bool:
        kind = self._cell(cells, "kind_column")
        if kind in self.layout.refund_value or is_negative:
            return True
        if not self.layout.charge_value and not self.charges:
            self.charges.add(kind)
        if kind not in self.charges:
            raise UnreadableSettlement(
                line,
                "its kind is neither a refund's nor that of the charges before it: name the"
                " refunds with refund_value and the charges with charge_value",
            )
        return False

    def _name(self, line: int, cells: list[str], role: str) -> str:
        cell = self._cell(cells, role)
        if not cell or len(cell) > NAME_CHARACTERS_MAX or not is_safe(cell):
            raise UnreadableSettlement(
                line,
                f"column {self.layout.column(role)!a} is empty or holds what names nothing: a row"
                " that can't be matched, such as a sum, must not be in the file",
            )
        return cell

    def _date(self, line: int, cells: list[str]) -> str:
        date = self.layout.date_of(self._cell(cells, "date_column"))
        if date is None:
            raise UnreadableSettlement(
                line, f"the date is none of the calendar, written {self.layout.date_format}"
            )
        return date

    def _aprv_no(self, line: int, cells: list[str]) -> str | None:
        role = "approval_number_column"
        if role not in self.places or not self._cell(cells, role):
            return None
        return self._name(line, cells, role)


def _places(names: list[str], layout: Layout, line: int) -> dict[str, int]:
    """Find each mapped column in the header."""
    stripped = [name.strip(" ") for name in names]
    places: dict[str, int] = {}
    for role in COLUMNS:
        column = layout.column(role)
        count = 0 if column is None else stripped.count(column)
        if count > 1:
            raise UnreadableSettlement(line, f"the header has column {column!a} {count} times")
        if column is not None and count == 1:
            places[role] = stripped.index(column)
        elif layout.must_have(role):
            flag = "--" + role.replace("_", "-")
            raise UnreadableSettlement(
                line,
                f"the header has no column {column!a}: say with {flag} what it is called there;"
                " delimiter and encoding must fit too",
            )
    return places


def _table(file: BinaryIO, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """Return the lines' cells with the line on which each row begins; empty lines are left out."""
    reader = csv.reader(_lines(file, layout.encoding), delimiter=layout.delimiter, strict=True)
    begins = 1
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            raise UnreadableSettlement(
                begins, "a quoted cell that begins here has no proper end, or a line end is broken"
            ) from None
        if cells is None:
            return
        if cells:
            yield begins, cells
        begins = reader.line_num + 1


def _lines(file: BinaryIO, encoding: str) -> Iterator[str]:
    """Decode a file by its lines; no byte of a line end is part of a character in either code."""
    for number in count(1):
        raw = _read_line(file, number)
        if not raw:
            return
        if number == 1:
            raw = _without_mark(raw, encoding)
        if len(raw) > LINE_BYTES_MAX:
            raise UnreadableSettlement(number, f"it is longer than {LINE_BYTES_MAX} bytes")
        if raw and not raw.endswith(b"\n"):
            raise UnreadableSettlement(
                number,
                "the file ends in the middle of this line: fetch it again, or end the line if"
                " nothing is missing",
            )
        if b"\0" in raw:
            raise UnreadableSettlement(number, "it holds a NUL byte: this is no text file")
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            raise UnreadableSettlement(
                number, f"it is not {encoding.upper()}: give the file's --encoding"
            ) from None
        yield text


def _read_line(file: BinaryIO, number: int) -> bytes:
    try:
        return file.readline(LINE_BYTES_MAX + 1)
    except OSError as error:
        raise UnreadableSettlement(number, f"it can't be read: {error.strerror}") from None


def _without_mark(raw: bytes, encoding: str) -> bytes:
    if raw.startswith(codecs.BOM_UTF8) and encoding != "utf-8":
        raise UnreadableSettlement(1, "it begins with the mark of UTF-8: give --encoding utf-8")
    return raw.removeprefix(codecs.BOM_UTF8)
