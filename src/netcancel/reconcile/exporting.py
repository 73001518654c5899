"""All differences as a CSV file that a spreadsheet opens and that can do nothing in it."""

from __future__ import annotations

import csv
import os
from contextlib import suppress
from dataclasses import astuple, fields
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Final

from netcancel.errors import ConfigurationError
from netcancel.kicc.text import escape
from netcancel.reconcile.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these may be run by a spreadsheet."""


def export(findings: Iterable[Finding], path: Path) -> None:
    """Write the file, readable by its owner only, in one step: half of it is never there.

    It is UTF-8 with its mark, by which spreadsheets know it. A file that is there is replaced.
    Raises `ConfigurationError` where it can't be written.
    """
    try:
        with NamedTemporaryFile(
            "w", dir=path.parent, prefix=".", encoding="utf-8-sig", newline="", delete=False
        ) as file:
            try:
                writer = csv.writer(file)
                writer.writerow(field.name for field in fields(Finding))
                writer.writerows(map(harmless, astuple(finding)) for finding in findings)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(path)
            except BaseException:
                with suppress(OSError):
                    Path(file.name).unlink()
                raise
    except OSError as error:
        raise ConfigurationError(f"{path.name!a} can't be written: {error.strerror}") from None


def harmless(value: object) -> str:
    """Write a cell: nothing unprintable in it, and no formula."""
    if value is None:
        return ""
    text = escape(str(value))
    return f"'{text}" if text.startswith(FORMULA) else text
