"""A short life on a disk that fails: each outcome is clear, and all is done once the disk works.

Whoever is told that the journal is unavailable reads again to know, as the contract says, and goes
on until it is done. Any other error is a bug.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Known, Opened, Payment
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.vault import Vault
from proof.in_memory import in_memory
from proof.powerloss.connection import Connection
from proof.powerloss.examination import NAME, Place, version_of
from proof.powerloss.failing import VFS, FailingDisk, Fault
from proof.powerloss.life import FIRST_KEY, GRACE_SECONDS, NUMBERS, Clock, intent_of
from proof.powerloss.trial import differences
from tests.journal.samples import CHANGES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from netcancel.core.payment import Intent
    from netcancel.journal.database import DatabaseJournal
    from proof.powerloss.examination import Findings
    from proof.powerloss.modes import Mode

T = TypeVar("T")

PAYMENTS: Final = NUMBERS[:3]
TRIES_MAX: Final = 100
"""More than any fault lasts: each try that fails meets it at least once."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A fault that the journal did not get over."""

    fault: Fault
    why: str


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of lives that met the same trouble, each one operation later."""

    mode: Mode
    trouble: str
    lasts: int
    lives: int
    seconds: float
    """Of a core."""
    broken: list[Broken]


def run(mode: Mode, trouble: str, lasts: int) -> Result:
    """Meet a fault at the first operation, then at the second, and so on to the last."""
    logging.disable(logging.WARNING)  # each commit without a clear answer is said: thousands
    began = time.process_time()
    broken: list[Broken] = []
    for at in count(1):
        disk = FailingDisk(Fault(trouble, at, lasts))
        try:
            _live(mode)
        except Exception as error:
            if not disk.has_failed:
                raise
            broken.append(Broken(disk.fault, f"{type(error).__name__}: {error}"))
        finally:
            disk.unregister()
        if not disk.has_failed:
            seconds = time.process_time() - began
            return Result(mode, trouble, lasts, at - 1, seconds, broken)
    raise AssertionError("nothing counts without end")


def _live(mode: Mode) -> None:
    """Live on the disk that fails, and check all that was told."""
    with in_memory("powerloss") as directory:
        told = _pay(Path(directory) / NAME, mode)
        said = Place(Path(directory), mode.journal, may_be_old=False).examine()
    if lines := differences(told, {subject: said.get(subject, "nothing") for subject in told}):
        raise ValueError(f"not as it was told: {lines}")


def _pay(path: Path, mode: Mode) -> Findings:
    """Approve payments and shred their tokens, whatever the disk does; return what was told."""
    clock = Clock()

    def opens(path: Path) -> sqlite3.Connection:
        return cast("sqlite3.Connection", Connection(path, mode, VFS, lambda: None))

    def make() -> DatabaseJournal:
        vault = Vault(FIRST_KEY)
        return open_sqlite(path, vault, clock, create=True, mode=mode.journal, opens=opens)

    told: Findings = {"integrity": "[('ok',)]"}
    with closing(_insisted(make)) as journal:
        for number in PAYMENTS:
            payment = _approved(journal, _opened(journal, intent_of(number)))
            told[f"payment {number}"] = version_of(payment)
        clock.now += 2 * GRACE_SECONDS
        _insisted(lambda: journal.shred_closed(keep_seconds=GRACE_SECONDS, limit=9).result())
    return told | {f"body {number}": str(None) for number in PAYMENTS}


def _opened(journal: DatabaseJournal, intent: Intent) -> Payment:
    """Write an intent; a try that failed may have written it."""
    result = _insisted(lambda: journal.open_new(intent).result())
    if not isinstance(result, Opened | Known) or result.payment.version.writer != intent.writer:
        raise TypeError(f"a new number was answered by {result}")
    return result.payment


def _approved(journal: DatabaseJournal, seen: Payment) -> Payment:
    """Approve a payment; a try that failed may have done it."""
    event, writer, change = Event.APPROVAL_PROVEN, "proof", CHANGES[State.APPROVED]
    moved = _insisted(lambda: journal.move_if_unchanged(seen, event, writer, change).result())
    if moved is None:
        moved = _insisted(lambda: journal.read(seen.id).result())
    if moved is None or moved.version != (2, writer):
        raise TypeError(f"an approval became {moved}")
    return moved


def _insisted(do: Callable[[], T]) -> T:
    """Do it again and again while the journal says that it can't be used."""
    for _ in range(TRIES_MAX):
        with suppress(JournalUnavailable, ConfigurationError):
            return do()
    return do()
