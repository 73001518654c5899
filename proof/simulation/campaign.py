"""Many runs over all processors, and what they found."""

from __future__ import annotations

import gc
import multiprocessing
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from proof.simulation.full import Full, FullOnMariadb, FullOnPostgres
from proof.simulation.promises import Broken
from proof.simulation.run import PAYMENTS, Run
from proof.simulation.shrink import fewest
from proof.simulation.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from proof.simulation.level import Level

LEVELS: Final[dict[str, type[Level]]] = {
    "tokens": Tokens,
    "full": Full,
    "postgres": FullOnPostgres,
    "mariadb": FullOnMariadb,
}

TWICE_EVERY: Final = 100
"""Every so many seeds are run twice, with equal traces; at the slow levels each is, the second time
with tokens: so these are what they stand for."""


@dataclass(slots=True)
class Finding:
    """What one seed showed."""

    seed: int
    hits: Counter[str] = field(default_factory=Counter)
    broken: str | None = None
    """Which promise did not hold, and how; None: all did."""
    seconds: float = 0.0
    """Virtual ones."""
    trace: str | None = None
    """The hash over its events; None: it was run only once, without a trace."""


def try_seed(
    seed: int,
    *,
    level: str = "tokens",
    without: Collection[int] = (),
    dropped: str | None = None,
    traces: bool = False,
) -> tuple[Finding, Run]:
    """Run one seed; a bug that raises breaks a promise like any other."""
    kind = LEVELS[level]
    with kind.installed():
        run = Run(seed, kind(), without=without, dropped=dropped, traces=traces)
        finding = Finding(seed, run.hits)
        begin = run.clockwork.now
        try:
            with closing(run.journal):
                run.go()
        except Broken as error:
            finding.broken = str(error)
        except Exception as error:  # noqa: BLE001  whatever it is, it is told with its seed
            finding.broken = f"{type(error).__name__}: {error}"
    if finding.broken is not None and run.trace is not None:
        run.trace.add(run.clockwork.now, "-", finding.broken)
    finding.seconds = run.clockwork.now - begin
    return finding, run


def find(
    seed: int, *, level: str = "tokens", dropped: str | None = None, compares: bool = True
) -> Finding:
    """Run one seed, and if its traces are to be compared a second time, with tokens."""
    gc.collect()
    if not compares or (level == "tokens" and seed % TWICE_EVERY != 1):
        return try_seed(seed, level=level, dropped=dropped)[0]
    finding, once = try_seed(seed, level=level, dropped=dropped, traces=True)
    _, again = try_seed(seed, dropped=dropped, traces=True)
    finding.hits["run twice"] += 1
    if once.trace is None or again.trace is None or once.trace.digest != again.trace.digest:
        finding.broken = finding.broken or "a second run of the seed went another way"
    finding.trace = None if once.trace is None else once.trace.digest
    return finding


@dataclass(slots=True)
class Result:
    """What a campaign found."""

    hits: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    virtual_seconds: float = 0.0
    broken: list[Finding] = field(default_factory=list)
    _traces: dict[int, str] = field(default_factory=dict)

    @property
    def payments(self) -> int:
        """How many were simulated."""
        return self.runs * PAYMENTS

    @property
    def trace(self) -> str:
        """The hash over the events of all seeds that were run twice, in their order."""
        traces = " ".join(trace for _, trace in sorted(self._traces.items()))
        return blake2b(traces.encode(), digest_size=8).hexdigest()

    def add(self, finding: Finding) -> None:
        """Count one seed."""
        self.runs += 1
        self.hits.update(finding.hits)
        self.virtual_seconds += finding.seconds
        if finding.trace is not None:
            self._traces[finding.seed] = finding.trace
        if finding.broken is not None:
            self.broken.append(finding)


def explore(
    seeds: Iterable[int],
    workers: int,
    *,
    level: str = "tokens",
    dropped: str | None = None,
    compares: bool = True,
    stops_early: bool = True,
) -> Result:
    """Run seeds until they end, or a promise breaks; `compares`: some of them twice."""
    result = Result()
    fork = multiprocessing.get_context("fork")
    # Installed here, for all workers: to do it for each seed costs more than most seeds.
    with LEVELS[level].installed(), fork.Pool(workers, _begin_worker) as pool:
        find_so = partial(find, level=level, dropped=dropped, compares=compares)
        for finding in pool.imap_unordered(find_so, seeds, chunksize=4):
            result.add(finding)
            if result.broken and stops_early:
                break
        pool.terminate()
    return result


def _begin_worker() -> None:
    """Leave the collecting of garbage to `find`: between two seeds hardly anything is alive."""
    gc.freeze()
    gc.disable()


def shrink(
    seed: int, *, level: str = "tokens", dropped: str | None = None
) -> tuple[list[int], Run]:
    """Return the places of the fewest faults that still break a seed, and the run of those."""
    _, whole = try_seed(seed, level=level, dropped=dropped)
    places = list(range(len(whole.plan)))

    def try_only(kept: list[int]) -> tuple[Finding, Run]:
        without = set(places) - set(kept)
        return try_seed(seed, level=level, without=without, dropped=dropped, traces=True)

    kept = fewest(places, lambda some: try_only(some)[0].broken is not None)
    return kept, try_only(kept)[1]
