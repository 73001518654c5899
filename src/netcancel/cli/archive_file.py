"""The file that archived payments go to: lines are only ever added, and durable when told so.

What a crash left half written stays on a line of its own. The file is its owner's only.
"""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Final, Self

from netcancel.cli import words
from netcancel.errors import ConfigurationError
from netcancel.journal.master_key import sync_directory
from netcancel.reconcile.exporting import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from netcancel.core.payment import Payment

ENDINGS: Final = (".jsonl", ".csv")


class ArchiveFile:
    """Adds payments to a file, as JSON lines or as CSV by its ending."""

    def __init__(self, path: Path) -> None:
        """Open or make the file, for this process alone; raises `ConfigurationError`."""
        if path.suffix not in ENDINGS:
            raise ConfigurationError(f"the archive must end in {' or '.join(ENDINGS)}")
        self._is_csv = path.suffix == ".csv"
        try:
            self._file = _opened(path)
        except BlockingIOError:
            raise ConfigurationError(f"another process writes the archive {path.name!a}") from None
        except OSError as error:
            raise ConfigurationError(
                f"the archive {path.name!a} can't be written: {error.strerror}"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what could not be written was said, and did not leave the journal
            self._file.close()

    def add(self, payments: Sequence[Payment]) -> None:
        """Add payments with their histories; when this returns, they are on the disk."""
        rows = [_row(payment) for payment in payments]
        text = self._as_csv(rows) if self._is_csv else "".join(map(_as_json_line, rows))
        try:
            self._file.write(text.encode())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise ConfigurationError(f"the archive can't be written: {error.strerror}") from None

    def _as_csv(self, rows: Sequence[dict[str, Any]]) -> str:
        if not rows:
            return ""
        head = "\ufeff" + _csv_lines([rows[0]])  # by the mark, spreadsheets know UTF-8
        if self._file.tell() > 0:
            if os.pread(self._file.fileno(), len(head.encode()), 0) != head.encode():
                raise ConfigurationError(
                    "the archive has other columns: archive into a new file from now on"
                )
            head = ""
        return head + _csv_lines(map(_cell, row.values()) for row in rows)


def _opened(path: Path) -> IO[bytes]:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    file = os.fdopen(os.open(path, flags, 0o600), "a+b")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sync_directory(path.parent)
        if file.seek(0, os.SEEK_END) and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n":
            file.write(b"\n")
    except BaseException:
        file.close()
        raise
    return file


def _csv_lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _row(payment: Payment) -> dict[str, Any]:
    history = [words.entry_row(entry) for entry in payment.history]
    return {"id": payment.id} | words.payment_row(payment) | {"history": history}


def _as_json_line(row: dict[str, Any]) -> str:
    return json.dumps(row) + "\n"


def _cell(value: object) -> str:
    return harmless(json.dumps(value) if isinstance(value, dict | list) else value)
