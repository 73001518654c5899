"""A mode's whole trial: recorded once, judged by all cores."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from proof.in_memory import in_memory
from proof.powerloss.recording import LIVES, record
from proof.powerloss.trial import Failure, Trial

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor

    from proof.powerloss.modes import Mode
    from proof.powerloss.recorded import Recording


@dataclass(frozen=True, slots=True)
class Broken:
    """A failure, and where it was found."""

    life: str
    operation: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Tally:
    """What came out of some images."""

    images: int
    distinct: int
    broken: int
    damaged: int
    """How many of the broken could not be read, or are damaged by what SQLite says."""
    seconds: float
    """Of a core."""
    first: Broken | None


@dataclass(frozen=True, slots=True)
class Result:
    """What came out of a mode."""

    mode: Mode
    operations: int
    total: Tally

    @property
    def is_as_it_must_be(self) -> bool:
        """Whether a mode of ours broke nothing, and any other was found out."""
        return (self.total.broken == 0) is self.mode.is_ours


class Running:
    """A mode's recordings, judged by other processes."""

    def __init__(self, mode: Mode, images: int, seed: int, executor: Executor) -> None:
        self._mode = mode
        self._recordings = lives(mode)
        self._operations = sum(len(recording.cuts) for recording in self._recordings)
        self._futures = [
            executor.submit(judge, recording, seed, numbers)
            for recording, all_numbers in self._shared_out(images)
            for numbers in _halves(all_numbers)
        ]

    def result(self) -> Result:
        """Wait until all images are judged."""
        return Result(self._mode, self._operations, _sum([each.result() for each in self._futures]))

    def _shared_out(self, images: int) -> Iterator[tuple[Recording, dict[int, range]]]:
        """Share images out among all operations, as evenly as can be."""
        done = 0
        for recording in self._recordings:
            numbers: dict[int, range] = {}
            for cut in recording.cuts:
                upto = [images * count // self._operations for count in (done, done + 1)]
                numbers[cut] = range(upto[1] - upto[0])
                done += 1
            yield recording, numbers


def lives(mode: Mode) -> list[Recording]:
    """Record every life in a mode."""
    recordings: list[Recording] = []
    for life in LIVES:
        with in_memory("powerloss") as directory:
            recordings.append(record(life, mode, Path(directory)))
    return recordings


def judge(recording: Recording, seed: int, numbers: Mapping[int, Iterable[int]]) -> Tally:
    """Judge the images of these numbers behind these entries."""
    began = time.process_time()
    seen: set[int] = set()
    images = 0
    failures: list[Failure] = []
    with in_memory("powerloss") as directory:
        trial = Trial(recording, seed, Path(directory))
        trial.check_told(min(numbers), max(numbers))
        for image in trial.images(numbers):
            images += 1
            seen.add(hash(frozenset(image.files.items())))
            if (failure := trial.judge(image)) is not None:
                failures.append(failure)
    first = None
    if failures:
        first = Broken(recording.life, str(recording.entries[failures[0].at]), failures[0])
    damaged = sum(failure.is_damaged for failure in failures)
    seconds = time.process_time() - began
    return Tally(images, len(seen), len(failures), damaged, seconds, first)


def _halves(numbers: dict[int, range]) -> list[dict[int, range]]:
    """Cut in two: a state of the journal is then examined by one process only."""
    items = list(numbers.items())
    middle = len(items) // 2
    return [dict(items[:middle]), dict(items[middle:])]


def _sum(tallies: Sequence[Tally]) -> Tally:
    return Tally(
        images=sum(each.images for each in tallies),
        distinct=sum(each.distinct for each in tallies),
        broken=sum(each.broken for each in tallies),
        damaged=sum(each.damaged for each in tallies),
        seconds=sum(each.seconds for each in tallies),
        first=next((each.first for each in tallies if each.first is not None), None),
    )
