"""`explain`: a state's meaning and its moves, as the one table says them."""

from __future__ import annotations

from typing import Any

from netcancel.cli.options import JsonFlag  # noqa: TC001  cyclopts reads the annotation
from netcancel.cli.output import facts, plain, show, show_json, state_text, table
from netcancel.core.lifecycle import IGNORED, MOVES, State


def explain(state: State, /, *, as_json: JsonFlag = False) -> None:
    """Say what a state means, what leads into it and out of it, and what is ignored in it.

    Ends with 0.

    Parameters
    ----------
    state
        its name, as `netcancel list` prints it
    """
    row = _row(state)
    if as_json:
        show_json(row)
        return
    owed = "nothing is owed" if state.is_final else "something is owed"
    show(
        facts([("state", state_text(state)), ("says", state.meaning), ("so", owed)]),
        *_moves("moves into it", "from", row["in"]),
        *_moves("moves out of it", "to", row["out"]),
        *_moves("ignored in it", "", row["ignored"]),
    )


def _moves(title: str, other: str, rows: list[dict[str, str | None]]) -> list[Any]:
    if not rows:
        return [plain(f"{title}: none")]
    columns = ("event", other, "why") if other else ("event", "why")
    return [
        plain(f"{title}:"),
        table(columns, [[row[column] or "(the beginning)" for column in columns] for row in rows]),
    ]


def _row(state: State) -> dict[str, Any]:
    return {
        "state": state,
        "meaning": state.meaning,
        "is_final": state.is_final,
        "in": [
            {"event": move.event, "from": move.source, "why": move.why}
            for move in MOVES
            if move.target is state
        ],
        "out": [
            {"event": move.event, "to": move.target, "why": move.why}
            for move in MOVES
            if move.source is state
        ],
        "ignored": [{"event": row.event, "why": row.why} for row in IGNORED if row.source is state],
    }
