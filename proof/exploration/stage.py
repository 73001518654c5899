"""A world as a graph: what may happen next, and whether a promise breaks by it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netcancel.core.effects import Exchange
from netcancel.core.lifecycle import FINAL, State
from proof.exploration.actors import Actors
from proof.exploration.automaton import Automaton
from proof.exploration.backups import backups
from proof.exploration.books import NOBODY, Books
from proof.exploration.desks import DESKS
from proof.exploration.gateway import Gateway
from proof.exploration.people import by_hand
from proof.exploration.promises import check
from proof.exploration.scene import first, same
from proof.exploration.search import Graph
from proof.exploration.tokens import POLICY, Wishes

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from netcancel.journal import Journal
    from proof.exploration.scene import Scene, Steps
    from proof.exploration.worlds import World


class Stage:
    """A world with its flows, its journal and its gateway."""

    def __init__(self, world: World, journal: str = "memory") -> None:
        """`journal`: one of `desks.DESKS`."""
        wishes = Wishes.of(confirms=world.confirms)
        self.books = Books(DESKS[journal](wishes.intents))
        self._world = world
        self._flows = Automaton()
        self._gateway = Gateway(world, self.books, self._flows, wishes.net_cancel)
        self._actors = Actors(world, wishes, self.books, self._flows, self._gateway)

    def close(self) -> None:
        """Close the journal."""
        self.books.close()

    def graph(self) -> Graph[Scene]:
        """Return the world as a graph."""
        return Graph(first(self._world), self._steps, self._is_final)

    def _is_final(self, s: Scene) -> bool:
        """Whether nobody is at work and nothing is owed but by a person."""
        return all(actor < 0 for actor in s.actors) and (s.row == NOBODY or self._is_closed(s.row))

    def _is_closed(self, row: int) -> bool:
        """Whether recovery owes nothing; what it is held from is a person's too."""
        closed = FINAL | {State.ESCALATED}
        return self.books.rows[row].state in closed or self.books.lives[row].is_held

    def _steps(self, s: Scene) -> Steps:
        """Name what may happen next; whoever makes it hears whether a promise breaks."""
        for steps in (
            self._actors.steps, self._gateway.steps, self._time, self._by_hand, self._backups
        ):  # fmt: skip
            for name, make in steps(s):
                yield name, partial(self._checked, make)

    def _checked(self, make: Callable[[], Scene]) -> Scene:
        s = self._gateway.without_dead(make())
        check(s, None if s.row == NOBODY else self.books.rows[s.row])
        return s

    def _by_hand(self, s: Scene) -> Steps:
        return by_hand(s, self.books)

    def _backups(self, s: Scene) -> Steps:
        return backups(s, self.books)

    def _time(self, s: Scene) -> Steps:
        if s.row == NOBODY:
            return
        world = self._world
        if s.phase == 0:
            outlast = world.memory == "tombstone" or world.is_overdue
            copies = s.approvals if outlast else 0
            yield "the settle time passes", partial(same, s._replace(phase=1, approvals=copies))
        elif s.phase < world.lasts and not self._is_asking(s):
            what = "the retry window passes" if s.phase == 1 else "the grace passes"
            yield what, partial(same, s._replace(phase=s.phase + 1))
        if not s.is_shredded and self._may_be_shredded(s):
            yield "the token is shredded", partial(same, s._replace(is_shredded=True))

    def _may_be_shredded(self, s: Scene) -> bool:
        def work(journal: Journal) -> Future[int]:
            return journal.shred_closed(keep_seconds=POLICY.keep_token_seconds, limit=1)

        count: int
        _, count = self.books.do("shred", s.row, s.phase, work)
        return count > 0

    def _is_asking(self, s: Scene) -> bool:
        """Whether a request is to be sent or answered, which is over in seconds, not in a day."""
        nodes = [self._flows.nodes[actor] for actor in s.actors if actor >= 0]
        return any(isinstance(node.asks, Exchange) for node in nodes)
