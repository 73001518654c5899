"""Killers let loose on twins, and on the project as it is."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from proof.twins.workshop import Copy, Found

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from proof.twins.twin import Killer, Twin
    from proof.twins.workshop import Trial

AT_ONCE: Final = 2


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a twin."""

    twin: Twin
    trials: Sequence[Trial]

    @property
    def is_killed(self) -> bool:
        """Whether each of its killers found something."""
        return bool(self.trials) and all(trial.found is Found.SOMETHING for trial in self.trials)


def on_the_project(killers: Iterable[Killer]) -> Iterator[Trial]:
    """Try each killer once on an unbroken copy: one that finds something there is no killer."""
    with tempfile.TemporaryDirectory(prefix="netcancel-twin-") as place:
        copy = Copy.make(Path(place), ())
        with ThreadPoolExecutor(AT_ONCE) as hands:
            yield from hands.map(copy.try_on, dict.fromkeys(killers))


def on_twins(twins: Iterable[Twin]) -> Iterator[Outcome]:
    """Make each twin and let its killers loose on it."""
    with ThreadPoolExecutor(AT_ONCE) as hands:
        yield from hands.map(_hunt, twins)


def _hunt(twin: Twin) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="netcancel-twin-") as place:
        copy = Copy.make(Path(place), twin.edits)
        return Outcome(twin, [copy.try_on(killer) for killer in twin.killers])
