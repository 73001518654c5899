"""What is done to whom in a drill: kills and pauses, spread evenly over the payments. Pure."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Kind(StrEnum):
    """What is done."""

    KILL = "kill"
    PAUSE = "pause"


@dataclass(frozen=True, slots=True)
class Blow:
    """One of them."""

    at_share: float
    """When the shops were told of so large a part of the payments."""
    kind: Kind
    victim: str


def blows(
    seed: int, *, kills: int, pauses: int, shops: Sequence[str], workers: Sequence[str]
) -> list[Blow]:
    """Plan a drill's blows: shops and workers in turn, always the same for a seed."""
    draws = random.Random(f"{seed}/blows")  # noqa: S311  not for secrets
    kinds = [Kind.KILL] * kills + [Kind.PAUSE] * pauses
    draws.shuffle(kinds)
    return [
        Blow((place + 1) / (len(kinds) + 1), kind, draws.choice((shops, workers)[place % 2]))
        for place, kind in enumerate(kinds)
    ]
