"""Breadth first through a graph that is given by its steps, and back from where it may end."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable

S = TypeVar("S", bound="Hashable")


class Broken(Exception):
    """A promise does not hold in the state that is being made."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search has found."""

    states: int
    transitions: int
    broken: str | None = None
    """Which promise does not hold; None: all hold."""
    path: tuple[str, ...] = ()
    """The shortest way there, step by step."""


@dataclass(frozen=True, slots=True)
class Graph(Generic[S]):
    """States and what may happen in each; a step is made when it is asked for, and may break."""

    start: S
    steps: Callable[[S], Iterable[tuple[str, Callable[[], S]]]]
    is_final: Callable[[S], bool]


class _Search(Generic[S]):
    """What has been seen of a graph."""

    def __init__(self, graph: Graph[S]) -> None:
        self._graph = graph
        self._places: dict[S, int] = {graph.start: 0}
        self._came_from = array("L", [0])
        self._came_by = [""]
        self._sources, self._targets = array("L"), array("L")
        """Of each transition."""
        self._ends: list[int] = []

    def run(self) -> Found:
        """Look at every state; stop at the first broken promise."""
        waiting = deque([self._graph.start])
        while waiting:
            state = waiting.popleft()
            place = self._places[state]
            if self._graph.is_final(state):
                self._ends.append(place)
            for name, make in self._graph.steps(state):
                try:
                    then = make()
                except Broken as broken:
                    return self._found(str(broken), (*self._path(place), name))
                if self._is_new(then, place, name):
                    waiting.append(then)
        return self._look_back()

    def _is_new(self, state: S, before: int, name: str) -> bool:
        place = self._places.setdefault(state, len(self._came_by))
        self._sources.append(before)
        self._targets.append(place)
        if place < len(self._came_by):
            return False
        self._came_from.append(before)
        self._came_by.append(intern(name))
        return True

    def _look_back(self) -> Found:
        """Find the first state from which no final one can be reached."""
        first, sources = self._by_target()
        reached = bytearray(len(self._came_by))
        waiting = list(self._ends)
        while waiting:
            place = waiting.pop()
            if not reached[place]:
                reached[place] = 1
                waiting.extend(sources[first[place] : first[place + 1]])
        dead_end = reached.find(0)
        if dead_end < 0:
            return self._found(None, ())
        return self._found("no final state can be reached from here", self._path(dead_end))

    def _by_target(self) -> tuple[array[int], array[int]]:
        """Return where each state's sources begin in the second list, which has them in a row."""
        first = array("L", bytes(array("L").itemsize * (len(self._came_by) + 1)))
        for target in self._targets:
            first[target + 1] += 1
        for place in range(1, len(first)):
            first[place] += first[place - 1]
        sources, free = array("L", self._sources), first[:]
        for source, target in zip(self._sources, self._targets, strict=True):
            sources[free[target]] = source
            free[target] += 1
        return first, sources

    def _path(self, place: int) -> tuple[str, ...]:
        names: list[str] = []
        while place > 0:
            names.append(self._came_by[place])
            place = self._came_from[place]
        return tuple(reversed(names))

    def _found(self, broken: str | None, path: tuple[str, ...]) -> Found:
        return Found(len(self._came_by), len(self._sources), broken, path)


def search(graph: Graph[S]) -> Found:
    """Look at every state of a graph; tell the shortest way to a broken promise or a dead end."""
    return _Search(graph).run()
