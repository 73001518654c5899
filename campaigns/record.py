"""What a shop asked for and what it was told, on its disk before it acts on it.

One line for each: nobody who is killed loses what was told, and a line that a kill cut off was not
told. Whoever comes after a killed process reads what is left to do.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

APPROVED: Final = "Approved"
IN_DOUBT: Final = "InDoubt"
REFUSED: Final = "JournalUnavailable"
"""The journal could not be written: nothing was sent."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a shop heard of a number: the outcome's name, or that of what was raised."""

    number: str
    outcome: str
    at: float
    """Seconds since the epoch."""


@dataclass(slots=True)
class Account:
    """All that a record says."""

    asked: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    """When each number was asked for, in seconds since the epoch."""
    told: list[Told] = field(default_factory=list[Told])
    refused: set[str] = field(default_factory=set[str])
    """Numbers whose first call was told that nothing was sent: they are given up."""

    def open_numbers(self) -> list[str]:
        """Return the numbers of which nothing certain was told, oldest first."""
        last = {told.number: told.outcome for told in self.told}
        doubtful = (None, IN_DOUBT, REFUSED)
        return [
            number
            for number in self.asked
            if number not in self.refused and last.get(number) in doubtful
        ]

    def outcomes(self) -> list[Told]:
        """Return what was told as an outcome."""
        return [told for told in self.told if told.outcome != REFUSED]


def read_record(path: Path) -> Account:
    """Read a record; there is none yet: nothing was asked for."""
    account = Account()
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    for line in lines:
        if not line.endswith(b"\n"):
            continue
        number, outcome, at = json.loads(line)
        if outcome is None:
            account.asked.setdefault(number, []).append(at)
            continue
        account.told.append(Told(number, outcome, at))
        if outcome == REFUSED and len(account.asked[number]) == 1:
            account.refused.add(number)
    return account


class Record:
    """The file, open for the process that writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        # Whoever was killed may have left half a line: what follows must not be glued to it.
        whole = self._path.read_bytes().rfind(b"\n") + 1
        os.ftruncate(self._file, whole)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def ask(self, number: str) -> None:
        """Write that a number is about to be asked for."""
        self._write(number, None)

    def tell(self, number: str, outcome: str) -> None:
        """Write what was told of it."""
        self._write(number, outcome)

    def _write(self, number: str, outcome: str | None) -> None:
        os.write(self._file, json.dumps([number, outcome, time.time()]).encode() + b"\n")
        os.fdatasync(self._file)
