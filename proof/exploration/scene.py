"""One state of a world, and what the next is made of."""

# ruff: noqa: ANN401  a field's value is the field's own

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from proof.exploration.books import NOBODY

if TYPE_CHECKING:
    from netcancel.journal.life import Mark
    from proof.exploration.worlds import Budgets, World

IDLE: Final = -1
"""The actor may come."""
OVER: Final = -2
"""It has been here, and does not come again."""
OUT: Final = "out"


class Watch(NamedTuple):
    """What is remembered of the journal outside of it."""

    copy: Mark | None
    """What its host keeps."""
    seen: tuple[Mark | None, ...]
    """By actor: the mark as a worker that lives left it last."""
    backup: int
    """The row as it was; `NOBODY`: there is none."""
    at_work: frozenset[int]
    """Who was at work when the backup was taken, or then restored, and is so still."""


class Scene(NamedTuple):
    """One state of a world; rows and flows are numbers of `Books` and `Automaton`."""

    row: int
    actors: tuple[int, ...]
    mail: tuple[str, ...]
    """By actor: `OUT` where its request is on the wire, else the answer that waits for it."""
    approvals: int
    """Copies of the approval that are on the wire."""
    strays: tuple[int, int]
    """Net-cancels and cancels on the wire that nobody waits for."""
    charge: str
    """none, live, void or declined: the truth."""
    is_barred: bool
    """Whether the gateway remembers a net-cancel, and refuses the approval."""
    phase: int
    was_sent: bool
    told: frozenset[str]
    is_shredded: bool
    watch: Watch | None
    """None: workers don't check in, for the journal is never restored."""
    budgets: Budgets


Steps: TypeAlias = Iterator[tuple[str, Callable[[], Scene]]]
"""What may happen next: its name, and what makes the scene after it."""


def first(world: World) -> Scene:
    """Return the scene in which nothing has happened."""
    count = len(world.roles)
    return Scene(
        row=NOBODY,
        actors=(IDLE,) * count,
        mail=("",) * count,
        approvals=0,
        strays=(0, 0),
        charge="none",
        is_barred=False,
        phase=0,
        was_sent=False,
        told=frozenset(),
        is_shredded=False,
        watch=_watch(count) if world.budgets.restores else None,
        budgets=world.budgets,
    )


def _watch(count: int) -> Watch:
    nothing = (None,) * count
    return Watch(copy=None, seen=nothing, backup=NOBODY, at_work=frozenset())


def put(values: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    """Return values with another one at a place."""
    return (*values[:place], value, *values[place + 1 :])


def spend(s: Scene, name: str) -> Scene:
    """Return the scene with one trouble less to come."""
    left = getattr(s.budgets, name) - 1
    return s._replace(budgets=s.budgets._replace(**{name: left}))


def same(s: Scene) -> Scene:
    """Return a scene that is made already."""
    return s


def is_quiet(s: Scene) -> bool:
    """Whether nobody is at work, and no void is on its way."""
    return s.strays == (0, 0) and all(actor < 0 for actor in s.actors)
