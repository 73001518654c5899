"""What a simulation must have met before its silence means anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import MOVES
from proof.simulation.faults import KINDS

if TYPE_CHECKING:
    from collections import Counter

PER_MILLION: Final = 1_000
"""How often each goal must be met in a million payments."""

GOALS: Final = (
    *(f"move: {'-' if move.source is None else move.source} {move.event}" for move in MOVES),
    *(f"fault: {kind}" for kind in KINDS),
    "fault: claim-unanswered",
    "fault: person-unanswered",
    "order: approved when it began, and taken back since",
    "bound: first net-cancel",
    "bound: lease",
    "shredded",
    "archived",
)


def unmet(hits: Counter[str], payments: int) -> dict[str, int]:
    """Return the goals that were met too rarely, with how often they were."""
    wanted = max(1, payments * PER_MILLION // 1_000_000)
    return {goal: hits[goal] for goal in GOALS if hits[goal] < wanted}
