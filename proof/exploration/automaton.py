"""Flows as an automaton: a flow is where it began and what it was answered, nothing else.

Flows are pure, so what they ask next is remembered for each such node; a flow is replayed only
where a node is new. What nobody else can see of a flow is answered on the way.
"""

# ruff: noqa: ANN401  what an effect is answered is the effect's own

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from netcancel.core.effects import (
    Alarm,
    CancelStamp,
    Draw,
    Effect,
    Flow,
    Now,
    OpenBody,
    Sign,
    SignAgain,
    Signed,
    Sleep,
    StampCancel,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

PAUSE_SECONDS = 1000.0
"""Longer than any lease of a world."""


class Pause(StrEnum):
    """When a flow's host is paused, after it has got an answer."""

    NEVER = "never"
    AT_ONCE = "at once"
    """What it signs next is signed late."""
    BEFORE_THE_CLOCK = "before it looks at the clock"
    """What it signs before that has aged."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The flow returned, or raised."""

    value: Any = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Interrupted:
    """An answer that is none: the flow is interrupted where it stands."""


class _Interruption(BaseException):
    """What an interrupted flow is told."""


@dataclass(slots=True, eq=False)
class Node:
    """A flow that waits for an answer that others can see, or has ended."""

    number: int
    root: Hashable
    writer: str
    answers: tuple[Any, ...]
    asks: Effect[Any] | Ended
    clock: float
    """The host's time: 0, or late after a pause."""
    notices: frozenset[Pause]
    """Which pauses on the way here it can tell from none, and from each other."""
    next: dict[Any, Node] = field(default_factory=dict[Any, "Node"])


class Automaton:
    """Makes nodes; `body` is the frozen net-cancel that flows open, None where it is shredded."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self._roots: dict[Hashable, Node] = {}
        self._begin: dict[Hashable, Callable[[], Flow[Any]]] = {}

    def begin(
        self, root: Hashable, writer: str, flow: Callable[[], Flow[Any]], body: bytes | None
    ) -> Node:
        """Return the first node of a flow; `root` names it with all its arguments."""
        node = self._roots.get((root, body))
        if node is None:
            self._begin[root] = flow
            node = self._roots[root, body] = self._settle(root, writer, (), 0.0, body, flow())
        return node

    def go_on(
        self, node: Node, key: Hashable, answer: Any, body: bytes | None,
        pause: Pause = Pause.NEVER,
    ) -> Node:  # fmt: skip
        """Return the node that an answer leads to; `key` stands for the answer."""
        place = key, body, pause
        then = node.next.get(place)
        if then is None:
            flow = self._replayed(node)
            clock = node.clock if pause is Pause.NEVER else PAUSE_SECONDS
            before = clock if pause is Pause.AT_ONCE else node.clock
            then = self._settle(
                node.root, node.writer, (*node.answers, answer), clock, body, flow, before
            )
            node.next[place] = then
        return then

    def _replayed(self, node: Node) -> Flow[Any]:
        flow = self._begin[node.root]()
        next(flow)
        for answer in node.answers:
            _answer(flow, answer)
        return flow

    def _settle(  # noqa: PLR0917  all that a node is made of
        self, root: Hashable, writer: str, answers: tuple[Any, ...], clock: float,
        body: bytes | None, flow: Flow[Any], before: float = 0.0,
    ) -> Node:  # fmt: skip
        """Answer what nobody else can see, until something is asked that others can see."""
        notices: set[Pause] = set()
        at = before
        try:
            # The last answer is handed in here: all before it were replayed.
            asks = _answer(flow, answers[-1]) if answers else next(flow)
            while True:
                if isinstance(asks, Now):
                    notices.add(Pause.BEFORE_THE_CLOCK)
                    at = clock
                elif isinstance(asks, Sign):
                    notices.add(Pause.AT_ONCE)
                found = _own_answer(asks, writer, at, body)
                if found is None:
                    break
                answers = (*answers, found[0])
                asks = _answer(flow, found[0])
            end: Effect[Any] | Ended = asks
        except StopIteration as stop:
            end = Ended(stop.value)
        except _Interruption:
            end = Ended(error="interrupted")
        except Exception as error:  # noqa: BLE001  a refusal is an end like another
            end = Ended(error=type(error).__name__)
        node = Node(len(self.nodes), root, writer, answers, end, at, frozenset(notices))
        self.nodes.append(node)
        return node


def _answer(flow: Flow[Any], answer: Any) -> Effect[Any]:
    if isinstance(answer, Interrupted):
        return flow.throw(_Interruption())
    return flow.send(answer)


def _own_answer(  # noqa: PLR0911  one case an effect
    asks: Effect[Any], writer: str, clock: float, body: bytes | None
) -> tuple[Any] | None:
    """Return the one answer to what nobody else can see; None: others can."""
    match asks:
        case Now():
            return (clock,)
        case Draw():
            return (0.5,)
        case Sleep() | Alarm() | SignAgain():
            return (None,)
        case Sign(_, path, sent):
            return (Signed(path, (), sent, clock),)
        case StampCancel():
            return (CancelStamp(f"CANCEL_{writer}", "20231115", "071320"),)
        case OpenBody():
            return (body,)
        case _:
            return None
