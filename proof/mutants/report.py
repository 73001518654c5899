"""What a run came to: its figures, and the faults that make it fail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from proof.mutants.trial import Fate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from proof.mutants.mutations import Mutant
    from proof.mutants.survivors import Listed

SCORE_MIN: Final = 95.0
"""Percent of the mutants tried that a test must notice."""

AT_IMPORT: Final = frozenset({"core.policy._setting", "kicc.rules._matches"})
"""Functions that only run when their module is imported, before a fork can change them."""


def is_tried(mutant: Mutant) -> bool:
    """Whether a test could notice a mutant, and should."""
    return not mutant.is_wording and mutant.name not in AT_IMPORT


@dataclass(slots=True)
class Report:
    """The fates of a room's mutants."""

    room: str
    mutants: Sequence[Mutant]
    is_whole: bool
    """Whether every function of the room was to be changed."""
    fates: list[tuple[Mutant, Fate]] = field(default_factory=list)

    @property
    def noticed(self) -> int:
        """How many mutants did not survive."""
        return sum(fate is not Fate.SURVIVED for _, fate in self.fates)

    @property
    def score(self) -> float:
        """How many percent of the mutants tried were noticed."""
        return 100.0 * self.noticed / len(self.fates) if self.fates else 100.0

    def figures(self) -> dict[str, int | float | str]:
        """Return what is kept as evidence."""
        counts = self._counts()
        return {
            "mutants": len(self.mutants),
            "of wording only, not tried": sum(m.is_wording for m in self.mutants),
            "of what runs at import only, not tried": sum(
                not m.is_wording and m.name in AT_IMPORT for m in self.mutants
            ),
            "not begun, for lack of time": sum(map(is_tried, self.mutants)) - counts.total(),
            "tried": counts.total(),
            "noticed by a failing test": counts[Fate.KILLED],
            "noticed because they never ended": counts[Fate.ENDLESS],
            "survived, each listed with its reason": counts[Fate.SURVIVED],
            "score in percent": round(self.score, 2),
        }

    def faults(self, listed: Sequence[Listed]) -> Iterator[str]:
        """Say what makes the run fail: survivors and list must be the same, and the score high."""
        known = {(entry.function, entry.change) for entry in listed}
        survived = {
            (mutant.name, mutant.change) for mutant, fate in self.fates if fate is Fate.SURVIVED
        }
        for function, change in sorted(survived - known):
            yield f"{function}: no test notices: {change}"
        tried = {(mutant.name, mutant.change) for mutant, _ in self.fates}
        gone = (known & tried) - survived
        if self._is_complete():
            gone |= {entry for entry in known - tried if entry[0].startswith(f"{self.room}.")}
            if self.score < SCORE_MIN:
                yield f"{self.room}: a score of {self.score:.2f} is less than {SCORE_MIN:g}"
        for function, change in sorted(gone):
            yield f"{function}: listed, but survives no more: {change}"

    def _is_complete(self) -> bool:
        return self.is_whole and len(self.fates) == sum(map(is_tried, self.mutants))

    def _counts(self) -> Counter[Fate]:
        return Counter(fate for _, fate in self.fates)
