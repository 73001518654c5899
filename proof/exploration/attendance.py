"""Workers that check in before they claim, and what they and their host remember of the journal.

In a world whose journal may be restored each worker does what the product's do, in their order: it
checks in, and hands over what its host's copy and its own memory say: where the journal is behind
these it is held, else the host keeps the new mark; then the worker may claim, and says what it has
seen. What is behind is found by the product's own rules, and held by the journal's own operation.
What was not restored, or has been released, must not be held.

Left out: it reads the copy, checks in and keeps the new mark in one step; one that dies between
these leaves a copy that is older by one. It checks in when it begins, when it has seen more than
there is and when a life has begun, not every five seconds, which would count on for ever. The
outcome of a check-in is never in doubt. All workers are of one host.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from netcancel.attendance import ALIVE_SECONDS
from netcancel.journal.host_copy import may_take_the_place
from netcancel.journal.life import has_gone_back, is_behind
from proof.exploration.books import NOBODY
from proof.exploration.scene import IDLE, put, same, spend
from proof.exploration.search import Broken

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from netcancel.journal import Journal
    from netcancel.journal.life import Mark, Presence
    from proof.exploration.books import Books
    from proof.exploration.scene import Scene, Steps, Watch


class Attendance:
    """What the workers of a world may do about its journal's life."""

    def __init__(self, roles: Sequence[str], books: Books) -> None:
        self._roles = roles
        self._books = books

    def steps(self, s: Scene) -> Steps:
        """Name what a worker that has claimed nothing may do next."""
        # They come when there is a payment: an empty journal has nothing to lose.
        if s.watch is None or s.row == NOBODY:
            return
        for place, role in enumerate(self._roles):
            if role.startswith("worker") and s.actors[place] == IDLE:
                yield from self._attend(s, s.watch, place, role)

    def may_claim(self, s: Scene, place: int) -> bool:
        """Whether a worker has checked in."""
        return s.watch is None or s.watch.seen[place] is not None

    def is_refused(self, s: Scene, place: int) -> bool:
        """Whether a worker must not get anything, for the journal was restored."""
        if s.watch is None:
            return False
        life = self._books.lives[s.row]
        return life.is_held or is_behind(life.marks, s.watch.seen[place])

    @staticmethod
    def differ(s: Scene, one: int, other: int) -> bool:
        """Whether two workers remember different things of the journal."""
        return s.watch is not None and s.watch.seen[one] != s.watch.seen[other]

    def _attend(self, s: Scene, watch: Watch, place: int, role: str) -> Steps:
        seen = watch.seen[place]
        if seen is None:
            if role != "worker2" or watch.seen[self._roles.index("worker1")] is not None:
                yield f"{role} begins, and checks in", partial(self._checked_in, s, watch, place)
        elif self._has_news(s, seen):
            yield f"{role} checks in", partial(self._checked_in, s, watch, place)
        if s.budgets.crashes and seen is not None:
            yield f"{role} dies", partial(same, forgotten(spend(s, "crashes"), place))

    def _has_news(self, s: Scene, seen: Mark) -> bool:
        """Whether a worker has seen more than there is, or nothing yet of a life that has begun."""
        marks = self._books.lives[s.row].marks
        return is_behind(marks, seen) or seen.id != marks[-1].id

    def _checked_in(self, s: Scene, watch: Watch, place: int) -> Scene:
        remembered = (watch.copy, watch.seen[place])

        def work(journal: Journal) -> Future[Any]:
            return journal.check_in("worker", "host", ALIVE_SECONDS, remembered)

        presence: Presence
        row, presence = self._books.do(("check in", remembered), s.row, s.phase, work)
        watch = watch._replace(seen=put(watch.seen, place, presence.mark))
        if not has_gone_back(presence, remembered) and may_take_the_place(presence, watch.copy):
            watch = watch._replace(copy=presence.mark)
        life = self._books.lives[row]
        if life.is_held and (s.budgets.restores or len(life.marks) > 1):
            raise Broken("I5: recovery is held, and nothing was restored since it was released")
        return s._replace(row=row, watch=watch)


def forgotten(s: Scene, place: int) -> Scene:
    """Return the scene in which a worker that dies has forgotten what it saw of the journal."""
    if s.watch is None:
        return s
    return s._replace(watch=s.watch._replace(seen=put(s.watch.seen, place, None)))
