"""The exploration completes a tiny world, and finds what is planted by a shortest way."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from netcancel.core.lifecycle import IllegalMove
from netcancel.journal import memory_life
from netcancel.journal.memory import MemoryJournal
from netcancel.journal.memory_life import MemoryLife
from proof.exploration.gateway import Gateway
from proof.exploration.search import Broken, Graph, search
from proof.exploration.stage import Stage
from proof.exploration.worlds import WORLDS, Budgets, World

TINY = World(roles=("owner", "worker1"), answers=("charged",), budgets=Budgets())
LITTLE = World(
    roles=("owner", "worker1"), answers=("charged", "declined"), memory="code",
    budgets=Budgets(takeovers=1),
)  # fmt: skip
RESTORED = World(
    roles=("owner", "worker1"), answers=("charged",), budgets=Budgets(restores=1)
)  # fmt: skip


def test_a_tiny_world_completes() -> None:
    """Every state of it is seen, and from each a final one can be reached."""
    found = search(Stage(TINY).graph())
    assert (found.broken, found.path) == (None, ())
    assert (found.states, found.transitions) == (341, 525)


@pytest.mark.parametrize("world", [LITTLE, RESTORED], ids=["little", "restored"])
def test_sqlites_journal_leads_to_the_same_states(world: World) -> None:
    """Each operation by SQL does to a row and to its journal's life what it does in memory."""
    by_memory = Stage(world)
    with closing(Stage(world, "sqlite")) as by_sql:
        found = search(by_memory.graph())
        assert found.broken is None
        assert found == search(by_sql.graph())
    assert by_memory.books.rows == by_sql.books.rows
    assert by_memory.books.moves == by_sql.books.moves
    assert _counts(by_memory) == _counts(by_sql)


def _counts(stage: Stage) -> list[tuple[list[int], bool]]:
    lives = stage.books.lives
    return [([mark.count for mark in life.marks], life.is_held) for life in lives]


def test_a_restored_journal_that_may_be_claimed_from_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody asks for the mark that was seen, nor for a hold."""
    monkeypatch.setattr(MemoryLife, "may_be_claimed", lambda *_: True)
    found = search(Stage(RESTORED).graph())
    assert found.broken == "I2: recovery claims what a restored journal has"
    assert "the backup is restored" in found.path


def test_a_journal_that_catches_up_and_is_not_held_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A check-in that only counts up what is behind makes up for the one that was lost."""
    monkeypatch.setattr(memory_life, "has_gone_back", lambda *_: False)
    found = search(Stage(WORLDS["restored"]).graph())
    assert found.broken is not None
    assert found.broken.startswith("I2")
    assert "the backup is restored" in found.path


def test_a_hold_for_no_reason_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that nobody has restored, or that was released, is no person's matter."""
    monkeypatch.setattr(memory_life, "has_gone_back", lambda *_: True)
    found = search(Stage(RESTORED).graph())
    assert found.broken == "I5: recovery is held, and nothing was restored since it was released"


def test_what_is_dropped_from_the_wire_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With messages that have no effect any more, there are more states, but no other rows."""
    world = World(
        roles=("owner", "worker1"), memory="tombstone", answers=("charged", "unlisted"),
        budgets=Budgets(takeovers=1, copies=1),
    )  # fmt: skip
    lean, full = Stage(world), Stage(world)
    of_lean = search(lean.graph())
    monkeypatch.setattr(Gateway, "without_dead", lambda _, scene: scene)
    of_full = search(full.graph())
    assert of_lean.states < of_full.states
    assert (of_lean.broken, of_full.broken) == (None, None)
    assert {*lean.books.rows} == {*full.books.rows}
    assert lean.books.moves == full.books.moves


def test_a_flow_that_asks_for_what_the_table_lacks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A move off the table breaks a promise, by the shortest way to it."""

    def lacks(_: Any, seen: Any, event: Any, *__: Any) -> Any:
        raise IllegalMove(f"{event} is not a move from {seen.state}")

    monkeypatch.setattr(MemoryJournal, "move_if_unchanged", lacks)
    found = search(Stage(TINY).graph())
    assert found.broken is not None
    assert "is not a move from approving" in found.broken
    assert found.path[:2] == ("owner begins", "owner writes its intent")


def test_a_worker_that_writes_unconditionally_loses_money(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A journal without its condition is broken where two may hold one payment."""
    real = MemoryJournal.move_if_unchanged

    def blind(self: Any, seen: Any, event: Any, writer: Any, change: Any) -> Any:
        row = self._rows[seen.id]
        row.payment = seen
        return real(self, seen, event, writer, change)

    monkeypatch.setattr(MemoryJournal, "move_if_unchanged", blind)
    world = World(roles=("owner", "worker1"), answers=("charged",), budgets=Budgets(takeovers=1))
    found = search(Stage(world).graph())
    assert found.broken is not None
    assert any("runs out" in step for step in found.path)


def _counting(limit: int, state: int) -> Iterator[tuple[str, Callable[[], int]]]:
    def checked(then: int) -> int:
        if then == limit:
            raise Broken("too many")
        return then

    yield "one more", partial(checked, state + 1)
    yield "two more", partial(checked, state + 2)


def test_a_broken_promise_is_told_by_a_shortest_way() -> None:
    """Three steps of two lead there; six of one do too."""
    found = search(Graph(0, partial(_counting, 6), lambda _: True))
    assert found.broken == "too many"
    assert found.path == ("two more", "two more", "two more")


def test_a_state_without_a_way_to_a_final_one_is_found() -> None:
    """Two states that only lead to each other are a dead end."""
    ways = {0: {"on": 1, "aside": 2}, 1: {}, 2: {"round": 3}, 3: {"back": 2}}

    def steps(state: int) -> Iterator[tuple[str, Callable[[], int]]]:
        for name, then in ways[state].items():
            yield name, partial(int, then)

    found = search(Graph(0, steps, lambda state: state == 1))
    assert found.broken is not None
    assert found.path == ("aside",)
