"""Cuts the power behind every operation of a recorded life, and looks at what is found then.

At each point the journal must say what it said after the last commit that had returned, or after
the one that was under way: nothing else, and nothing in between.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proof.powerloss.choices import Remembered, choice_of
from proof.powerloss.disk import Disk
from proof.powerloss.examination import Place
from proof.powerloss.outcomes import Outcomes
from proof.powerloss.recorded import Settled, Told

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from proof.powerloss.outcomes import Outcome
    from proof.powerloss.recorded import Recording


@dataclass(frozen=True, slots=True)
class Image:
    """What is found after the power failed behind one operation."""

    at: int
    number: int
    commits: int
    """How often all had been committed until then."""
    is_made: bool
    """Whether somebody was told before that the journal is there."""
    files: Mapping[str, bytes]
    choices: Sequence[str]


@dataclass(frozen=True, slots=True)
class Failure:
    """An image in which a promise is broken."""

    at: int
    number: int
    is_damaged: bool
    """Whether the journal can't be opened or read, or SQLite says that it is damaged."""
    differences: Sequence[str]
    choices: Sequence[str]


class Trial:
    """Judges the images of one recording."""

    def __init__(self, recording: Recording, seed: int, directory: Path) -> None:
        self._recording = recording
        self._seed = f"{seed} {recording.mode.name} {recording.life}"
        self._outcomes = Outcomes(Place(directory, recording.mode.journal, recording.is_of_old))
        self._settled = list(_settled(recording))
        self._said: dict[int, Outcome] = {}

    def check_told(self, begin: int, end: int) -> None:
        """Make sure that without any failure the journal says what callers were told meanwhile.

        Raises `ValueError`.
        """
        promises: dict[str, str] = {}
        commits = 0
        for at, entry in enumerate(self._recording.entries[:end]):
            if isinstance(entry, Settled):
                commits += 1
            elif isinstance(entry, Told):
                promises |= entry.promises
                if at >= begin:
                    self._check_said(promises, commits)

    def images(self, numbers_at: Mapping[int, Iterable[int]]) -> Iterator[Image]:
        """Build the images of these numbers behind these entries."""
        disk, commits = Disk(), 0
        for at, entry in enumerate(self._recording.entries):
            if isinstance(entry, Settled):
                commits += 1
            elif not isinstance(entry, Told):
                disk.perform(entry)
                for number in numbers_at.get(at, ()):
                    choice = Remembered(choice_of(number, f"{self._seed} {at} {number}"))
                    files = disk.after_power_loss(choice)
                    is_made = at > self._recording.made_at
                    yield Image(at, number, commits, is_made, files, choice.told)

    def judge(self, image: Image) -> Failure | None:
        """Say what is wrong with an image; None: nothing is."""
        if image.is_made:
            found = self._outcomes.of(image.files)
            allowed = [self._said_after(image.commits), self._said_after(image.commits + 1)]
        else:
            found = self._outcomes.of_beginning(image.files)
            allowed = [self._outcomes.of_beginning({})]
        if isinstance(found, dict) and found in allowed:
            return None
        lines = differences(allowed[0], found)
        is_damaged = isinstance(found, str) or "integrity" in lines[0]
        return Failure(image.at, image.number, is_damaged, lines, image.choices)

    def _check_said(self, promises: dict[str, str], commits: int) -> None:
        said = self._said_after(commits)
        if isinstance(said, dict):
            said = {subject: said.get(subject, "nothing") for subject in promises}
        if said != promises:
            raise ValueError(f"not as it was told: {differences(promises, said)}")

    def _said_after(self, commits: int) -> Outcome:
        """Return what the journal says after so many commits, the last one at most."""
        last = min(commits, len(self._settled)) - 1
        if last not in self._said:
            self._said[last] = self._outcomes.of(self._settled[last])
        return self._said[last]


def differences(promised: Outcome, found: Outcome) -> list[str]:
    """Return what is not found as it was promised, and what is found that nobody wrote."""
    if isinstance(promised, str) or isinstance(found, str):
        return [f"found: {found}"]
    subjects = sorted(promised.keys() | found.keys())
    return [
        f"{subject}: {promised.get(subject)} became {found.get(subject)}"
        for subject in subjects
        if promised.get(subject) != found.get(subject)
    ]


def _settled(recording: Recording) -> Iterator[Mapping[str, bytes]]:
    """Return the files after each commit, as processes saw them."""
    disk = Disk()
    for entry in recording.entries:
        if isinstance(entry, Settled):
            yield disk.present()
        elif not isinstance(entry, Told):
            disk.perform(entry)
