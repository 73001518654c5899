"""What becomes of what was not synced: all is kept, all is lost, or chance decides."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from proof.powerloss.disk import Fate, Torn, Write, sectors

if TYPE_CHECKING:
    from proof.powerloss.disk import Choice, Forgettable

SHARES: Final = (0.1, 0.5, 0.9)
"""How much is kept, drawn anew for each image: images with little lost find other faults."""


def choice_of(number: int, seed: str) -> Choice:
    """Return the choice for the image of this number at one point: the first two are extremes."""
    match number:
        case 0:
            return lambda _: Fate.LOST
        case 1:
            return lambda _: Fate.KEPT
        case _:
            return Chance(random.Random(seed))  # noqa: S311  a seed replays it


class Chance:
    """Decides by chance."""

    def __init__(self, chance: random.Random) -> None:
        self._random = chance
        self._kept = chance.choice(SHARES)
        self._torn = chance.choice(SHARES)

    def __call__(self, operation: Forgettable) -> Fate | Torn:
        """Decide for one operation."""
        if isinstance(operation, Write) and self._random.random() < self._torn:
            return self._half_of(operation)
        return Fate.KEPT if self._random.random() < self._kept else Fate.LOST

    def _half_of(self, write: Write) -> Fate | Torn:
        drawn = (self._random.random() < self._kept for _ in sectors(write))
        survivors = frozenset(number for number, survives in enumerate(drawn) if survives)
        return Torn(survivors) if survivors else Fate.GREW


class Remembered:
    """A choice that remembers what it decided, so that it can be told."""

    def __init__(self, choice: Choice) -> None:
        self._choice = choice
        self.told: list[str] = []

    def __call__(self, operation: Forgettable) -> Fate | Torn:
        """Decide for one operation."""
        fate = self._choice(operation)
        words = fate.value if isinstance(fate, Fate) else f"torn, sectors {sorted(fate.sectors)}"
        self.told.append(f"{operation}: {words}")
        return fate
