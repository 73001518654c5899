"""Many runs over all processors, and what they found."""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Final

from proof.simulation.run import PAYMENTS, Run
from proof.simulation.shrink import fewest
from proof.simulation.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

TWICE_EVERY: Final = 100
"""Every so many seeds are run twice: their traces must be equal."""


@dataclass(slots=True)
class Finding:
    """What one seed showed."""

    seed: int
    hits: Counter[str] = field(default_factory=Counter)
    broken: str | None = None
    """Which promise did not hold, and how; None: all did."""
    seconds: float = 0.0
    """Virtual ones."""


def try_seed(
    seed: int, *, without: Collection[int] = (), dropped: str | None = None, traces: bool = False
) -> tuple[Finding, Run]:
    """Run one seed; a bug that raises breaks a promise like any other."""
    run = Run(seed, Tokens(), without=without, dropped=dropped, traces=traces)
    finding = Finding(seed, run.hits)
    begin = run.clockwork.now
    try:
        with Tokens.installed():
            run.go()
    except Exception as error:  # noqa: BLE001  whatever it is, it is told with its seed
        finding.broken = f"{type(error).__name__}: {error}"
        if run.trace is not None:
            run.trace.add(run.clockwork.now, "-", finding.broken)
    finding.seconds = run.clockwork.now - begin
    return finding, run


def find(seed: int, dropped: str | None = None) -> Finding:
    """Run one seed, and every so many a second time."""
    gc.collect()
    if seed % TWICE_EVERY:
        return try_seed(seed, dropped=dropped)[0]
    finding, once = try_seed(seed, dropped=dropped, traces=True)
    _, again = try_seed(seed, dropped=dropped, traces=True)
    finding.hits["run twice"] += 1
    if once.trace is None or again.trace is None or once.trace.digest != again.trace.digest:
        finding.broken = finding.broken or "a second run of the seed went another way"
    return finding


@dataclass(slots=True)
class Result:
    """What a campaign found."""

    hits: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    virtual_seconds: float = 0.0
    broken: list[Finding] = field(default_factory=list)

    @property
    def payments(self) -> int:
        """How many were simulated."""
        return self.runs * PAYMENTS

    def add(self, finding: Finding) -> None:
        """Count one seed."""
        self.runs += 1
        self.hits.update(finding.hits)
        self.virtual_seconds += finding.seconds
        if finding.broken is not None:
            self.broken.append(finding)


def explore(
    seeds: Iterable[int],
    workers: int,
    *,
    until: float | None = None,
    dropped: str | None = None,
    stops_early: bool = True,
) -> Result:
    """Run seeds until they end, the time (monotonic) is over, or a promise breaks."""
    result = Result()
    with multiprocessing.get_context("fork").Pool(workers, _begin_worker) as pool:
        for finding in pool.imap_unordered(partial(find, dropped=dropped), seeds, chunksize=4):
            result.add(finding)
            if result.broken and stops_early:
                break
            if until is not None and time.monotonic() >= until:
                break
        pool.terminate()
    return result


_for_good: Final = ExitStack()


def _begin_worker() -> None:
    """Install the stand-ins for good: to do it for each seed costs more than most seeds."""
    _for_good.enter_context(Tokens.installed())
    gc.freeze()
    gc.disable()  # `find` collects between two seeds, when hardly anything is alive


def shrink(seed: int, dropped: str | None = None) -> tuple[list[int], Run]:
    """Return the places of the fewest faults that still break a seed, and the run of those."""
    _, whole = try_seed(seed, dropped=dropped)
    places = list(range(len(whole.plan)))

    def try_only(kept: list[int]) -> tuple[Finding, Run]:
        without = set(places) - set(kept)
        return try_seed(seed, without=without, dropped=dropped, traces=True)

    kept = fewest(places, lambda some: try_only(some)[0].broken is not None)
    return kept, try_only(kept)[1]
