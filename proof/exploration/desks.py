"""Who does an operation on a world's one row, and in which journal: in memory, or by SQLite's SQL.

A desk is handed the row as it was, and hands back what became of it. In memory a row is rebuilt
from what it says; for SQL its image, the journal's file as it was, is put back in its place. There
the history may have more lines than the world still asks for.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from netcancel.journal import living
from netcancel.journal.database import DatabaseJournal
from netcancel.journal.life import Hold, Mark
from netcancel.journal.memory import MemoryJournal
from netcancel.journal.sqlite import SqliteDatabase
from netcancel.journal.statements import Query
from proof.at_once import AtOnce
from proof.empty_journal import VAULT, empty_journal
from proof.in_memory import in_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future

    from netcancel.core.payment import Entry, Intent, Payment
    from netcancel.journal import Journal
    from netcancel.journal.memory_life import MemoryLife
    from netcancel.journal.operations import Session
    from netcancel.journal.vault import Digest

MODE: Final = "truncate"


class Life(NamedTuple):
    """The marks of a journal's lives, the last one present, and whether recovery is held."""

    marks: tuple[Mark, ...]
    is_held: bool


class Row(NamedTuple):
    """A payment with its history, its journal's life, and the image that a desk keeps of it."""

    payment: Payment
    life: Life
    image: Any


class Done(NamedTuple):
    """What an operation made of a row."""

    row: Row | None
    """Without history; None: there is no row."""
    lines: tuple[Entry, ...]
    """What the history has besides."""
    answer: Any


class Desk(Protocol):
    """Does operations on a row."""

    def do(
        self, row: Row | None, seconds: float, due_at: int | None,
        work: Callable[[Journal], Future[Any]],
    ) -> Done:  # fmt: skip
        """Do `work` at a time on a row, which falls due at `due_at` if that isn't None."""

    def close(self) -> None:
        """Leave nothing behind."""


class InMemory:
    """Works in the memory journal."""

    def __init__(self, intents: Iterable[Intent]) -> None:
        self._intents = {intent.id: intent for intent in intents}

    def do(
        self, row: Row | None, seconds: float, due_at: int | None,
        work: Callable[[Journal], Future[Any]],
    ) -> Done:  # fmt: skip
        """Rebuild a row, and do `work` on it."""
        clock = [0.0]
        journal = MemoryJournal(lambda: clock[0])
        life = journal._life  # noqa: SLF001  a journal at any moment
        if row is not None:
            life._lives = list(row.life.marks)  # noqa: SLF001  likewise
            life.hold = Hold("", 0) if row.life.is_held else None
            self._restore(journal, row.payment, due_at)
        clock[0] = seconds
        answer = work(journal).result()
        for kept in journal._rows.values():  # noqa: SLF001  likewise
            known = 0 if row is None else len(row.payment.history)
            now = Row(kept.payment, _life_of(life), None)
            return Done(now, tuple(kept.history[known:]), answer)
        return Done(None, (), answer)

    def close(self) -> None:
        """Have nothing to leave."""

    def _restore(self, journal: MemoryJournal, payment: Payment, due_at: int | None) -> None:
        journal.open_new(self._intents[payment.id]).result()
        row = journal._rows[payment.id]  # noqa: SLF001  likewise
        row.history = list(payment.history)
        due = payment.due_at if due_at is None else due_at
        row.payment = replace(payment, history=(), due_at=due)


class InFile:
    """Works in SQLite's journal."""

    def __init__(self, _: Iterable[Intent]) -> None:
        self._place = in_memory("exploration")
        self._path = Path(self._place.name) / "journal.sqlite"
        self._path.touch(0o600)
        self._empty, secret = empty_journal(MODE)
        self._digest = VAULT.digest_by(secret)

    def do(
        self, row: Row | None, seconds: float, due_at: int | None,
        work: Callable[[Journal], Future[Any]],
    ) -> Done:  # fmt: skip
        """Put a row's image back, and do `work` on it."""
        image, known = (self._empty, 0) if row is None else row.image
        self._path.write_bytes(image)
        if due_at is not None:
            with closing(sqlite3.connect(self._path)) as connection:
                connection.execute("UPDATE payment SET due_at = ?", (due_at,))
                connection.commit()
        journal = FileJournal(self._path, seconds, self._digest)
        try:
            answer = work(journal).result()
            payments = journal.list_payments().result()
            found = journal.read(payments[0].id).result() if payments else None
            life = journal.life()
        finally:
            journal.close()
        if found is None:
            return Done(None, (), answer)
        lines = found.history
        kept = (self._path.read_bytes(), len(lines))
        return Done(Row(replace(found, history=()), life, kept), lines[known:], answer)

    def close(self) -> None:
        """Delete the file."""
        self._place.cleanup()


class FileJournal(DatabaseJournal):
    """The journal in a file at one moment, without its thread."""

    def __init__(self, path: Path, seconds: float, digest: Digest) -> None:
        file = SqliteDatabase(path, MODE, lambda: seconds)
        super().__init__(file, VAULT, digest)
        self._writer = AtOnce(file.connect)

    def release_hold(self, *, by: str, note: str) -> Future[Mark | None]:
        """Begin a new life that is called by its place, not by chance."""
        new_id = f"life {len(self.life().marks)}"
        work = partial(living.release_hold, by=by, note=note, new_id=new_id)
        return self._writer.submit(work, writes=True)

    def life(self) -> Life:
        """Return the life as it is now."""
        return self._writer.submit(_read_life, writes=False).result()


def _read_life(session: Session, now: int) -> Life:
    found = session.execute(Query.INCARNATIONS, {}).rows
    marks = tuple(Mark(row["id"], row["count"]) for row in found)
    return Life(marks, living.hold(session, now) is not None)


def _life_of(life: MemoryLife) -> Life:
    """Return a life as it is now; each is called by its place, not by chance."""
    lives = enumerate(life._lives)  # noqa: SLF001  a journal at any moment
    marks = tuple(replace(mark, id=f"life {place}") for place, mark in lives)
    return Life(marks, life.hold is not None)


DESKS: Final[dict[str, Callable[[Iterable[Intent]], Desk]]] = {"memory": InMemory, "sqlite": InFile}
"""By what the command line calls them."""
