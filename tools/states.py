"""Write docs/states.md from the transition table: `python -m tools.states`."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import IGNORED, MEANINGS, MOVES, Event, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE: Final = Path(__file__).parents[1] / "docs" / "states.md"

BEGINNING: Final = "(new)"
"""What the page calls a payment that isn't there yet."""

TOUCHED: Final = frozenset(
    [move.source for move in MOVES] + [move.target for move in MOVES] + [r.source for r in IGNORED]
)
IN_USE: Final = tuple(state for state in State if state in TOUCHED)
UNUSED: Final = tuple(state for state in State if state not in TOUCHED)

HEAD: Final = """\
# The states of a payment

<!-- Written by `python -m tools.states` from `netcancel.core.lifecycle`: don't edit it by hand. -->

What the steps are and why stands in [protocol.md](protocol.md). `netcancel explain STATE` prints
what this page says of one state.
"""

PICTURE: Final = """\
The picture leaves out the moves that stay in their state; the tables below have them all.
"""

MATRIX: Final = """\
A cell holds the state that the event leads to. *noted*: nothing moves, a line is added to the
history. Empty: the two can't meet; if they do, it is a bug, and the code raises. What somebody
brings who has lost the version meanwhile is added to the history too, and moves nothing, but for a
late approval.
"""

REASONS: Final = """\
Each move is one conditional write: it happens only if state and version are still as its writer
saw them.
"""


def render() -> str:
    """Return the page."""
    parts = [
        HEAD,
        _section("What each state says", _meanings(), _unused()),
        _section("Picture", PICTURE, _picture()),
        _section("State and event", MATRIX, _matrix()),
        _section("Moves and their reasons", REASONS, _moves()),
        _section("Only noted", _ignored()),
    ]
    return "\n".join(parts)


def _section(title: str, *paragraphs: str) -> str:
    return "\n".join([f"## {title}\n", *(text for text in paragraphs if text)])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _code(name: str | None) -> str:
    return BEGINNING if name is None else f"`{name}`"


def _meanings() -> str:
    rows = ((_code(s), MEANINGS[s], "yes" if s.is_final else "no") for s in State)
    return _table(["state", "says", "final"], rows)


def _unused() -> str:
    if not UNUSED:
        return ""
    names = ", ".join(_code(state) for state in UNUSED)
    return f"No move leads to these yet; journals know their names already: {names}.\n"


def _picture() -> str:
    events: defaultdict[tuple[State | None, State], list[Event]] = defaultdict(list)
    for move in MOVES:
        if move.source is not move.target:
            events[move.source, move.target].append(move.event)
    arrows = [
        f"    {source or '[*]'} --> {target} : {'<br/>'.join(found)}"
        for (source, target), found in events.items()
    ]
    ends = [f"    {state} --> [*]" for state in IN_USE if state.is_final]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, *ends, "```", ""])


def _matrix() -> str:
    sources = (None, *IN_USE)
    cells = {(move.source, move.event): _code(move.target) for move in MOVES}
    cells |= {(row.source, row.event): "*noted*" for row in IGNORED}
    rows = (
        [_code(event), *(cells.get((source, event), "") for source in sources)] for event in Event
    )
    return _table(["event", *(_code(source) for source in sources)], rows)


def _moves() -> str:
    rows = ([_code(m.source), _code(m.event), _code(m.target), m.why] for m in MOVES)
    return _table(["from", "event", "to", "why"], rows)


def _ignored() -> str:
    rows = ([_code(row.source), _code(row.event), row.why] for row in IGNORED)
    return _table(["state", "event", "why"], rows)


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
