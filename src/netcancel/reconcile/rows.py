"""One row of a settlement file, and what is raised where a file can't be read."""

from __future__ import annotations

from typing import NamedTuple

from netcancel.errors import NetcancelError


class UnreadableSettlement(NetcancelError):
    """A settlement file is broken, or laid out otherwise than told.

    It names the line, and never shows a cell.
    """

    def __init__(self, line: int | None, reason: str) -> None:
        super().__init__(line, reason)
        self.line = line
        self.reason = reason

    def __str__(self) -> str:
        where = "" if self.line is None else f", line {self.line}"
        return f"the settlement file{where}: {self.reason}"


class Row(NamedTuple):
    """A charge, or a refund, as the file has it."""

    line: int
    """Where it begins in the file, counted from 1."""
    tid: str
    merc_trx_no: str
    amount: int
    """Whole KRW, never negative: a refund says so in `is_refund`."""
    is_refund: bool
    date: str | None
    """yyyyMMdd; None: the file has no date column."""
    aprv_no: str | None
    """None: the file has no column of approval numbers, or the cell is empty."""
