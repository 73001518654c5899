"""A backup of the journal: it is taken, it is restored, and a person lets recovery go on.

What a caller was told is approved is never voided, whatever is restored (I2), and while recovery is
held it claims nothing. Nothing more is promised of what a restored journal has open until a person
has released it: a scene with a hold may be an end. It is released where nothing open was shipped;
from then on all promises hold again. Whoever lives on sends what it wrote in the journal that is
lost: whether the one in its place has that too (I4) is not asked.

A restore that nobody can notice is left out (docs/operations.md, Backups): one to a moment since
the last check-in, of the host or of a worker that lives; and so is one to a moment before the
payment: the journal doesn't know of its charge then, and no recovery can. So is one within the
seconds of a flow: who was at work when the backup was taken is gone when it is restored. Else what
it has seen would be true again, and it would write over what others have done since. And nobody
confirms here: what is unconfirmed in a backup may be refunded by now, which only a person can find
out.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from netcancel.journal.life import is_behind
from proof.exploration.books import NOBODY
from proof.exploration.scene import same, spend

if TYPE_CHECKING:
    from concurrent.futures import Future

    from netcancel.journal import Journal
    from proof.exploration.books import Books
    from proof.exploration.scene import Scene, Steps, Watch


def backups(s: Scene, books: Books) -> Steps:
    """Name what may become of the journal as a whole."""
    if s.watch is None or s.row == NOBODY:
        return
    if s.budgets.restores and s.watch.backup == NOBODY:
        taken = s.watch._replace(backup=s.row, at_work=_at_work(s))
        yield "a backup is taken", partial(same, s._replace(watch=taken))
    elif s.budgets.restores and not s.watch.at_work and _is_noticed(s.watch, books):
        yield "the backup is restored", partial(_restored, s, s.watch)
    if books.lives[s.row].is_held and _is_compared(s, books):
        yield "a person lets recovery go on", partial(_released, s, books)


def let_go(s: Scene, place: int) -> Scene:
    """Return the scene in which an actor is at work no more."""
    if s.watch is None:
        return s
    return s._replace(watch=s.watch._replace(at_work=s.watch.at_work - {place}))


def has_lived_on(s: Scene, place: int) -> bool:
    """Whether an actor has been at work since before the backup was restored."""
    return s.watch is not None and s.watch.backup == NOBODY and place in s.watch.at_work


def _at_work(s: Scene) -> frozenset[int]:
    return frozenset(place for place, actor in enumerate(s.actors) if actor >= 0)


def _is_noticed(watch: Watch, books: Books) -> bool:
    """Whether the host and each worker that lives have checked in since the backup."""
    marks = books.lives[watch.backup].marks
    seen = [watch.copy, *(mark for mark in watch.seen if mark is not None)]
    return all(is_behind(marks, mark) for mark in seen)


def _is_compared(s: Scene, books: Books) -> bool:
    """Whether a person finds nothing that is open here and was shipped."""
    return books.rows[s.row].state.is_final or "approved" not in s.told


def _restored(s: Scene, watch: Watch) -> Scene:
    then = watch._replace(backup=NOBODY, at_work=_at_work(s))
    return spend(s, "restores")._replace(row=watch.backup, watch=then)


def _released(s: Scene, books: Books) -> Scene:
    def work(journal: Journal) -> Future[Any]:
        return journal.release_hold(by="a person", note="compared")

    row, _ = books.do("release", s.row, s.phase, work)
    return s._replace(row=row)
