"""Keeps a number of payments in flight and counts what is finished within a window of time.

The window opens when the load has run for a moment and closes before it ends: what is under way at
one edge makes up for what is under way at the other.
"""

from __future__ import annotations

import asyncio
import itertools
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from netcancel.journal import sqlite

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from bench.variants import AsyncPay, Pay

RAMP_SECONDS: Final = 0.25

_numbers = itertools.count(1)


def next_number() -> str:
    """Return a merchant transaction number that this process hasn't used."""
    return f"BENCH{next(_numbers):012d}"


@dataclass(frozen=True, slots=True)
class Cell:
    """What one variant did in one window."""

    payments: int
    seconds: float
    cpu_seconds: float
    commits: int
    """Transactions that changed the journal."""
    not_approved: int
    """Payments whose answer or journal came too late; they count for nothing else."""
    latencies: list[float]

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Read what `to_json` made."""
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """Return the values as JSON has them."""
        return asdict(self)


class Mark(NamedTuple):
    """An edge of the window: the time, and what this process had used until then."""

    at: float
    cpu_seconds: float
    commits: int

    @classmethod
    def now(cls) -> Self:
        """Take the mark."""
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return cls(time.perf_counter(), usage.ru_utime + usage.ru_stime, CountingSession.commits)


@dataclass(slots=True)
class Load:
    """Payments one after the other in each of many tasks or threads, until it is over."""

    is_over: bool = False
    finished: list[tuple[float, float]] = field(default_factory=list)
    """When each approved payment was done, and how long it took."""
    not_approved: int = 0

    async def pay_async(self, pay: AsyncPay) -> None:
        """Be one of the tasks."""
        while not self.is_over:
            begun = time.perf_counter()
            self._finish(begun, is_approved=await pay(next_number()))

    def pay(self, pay: Pay) -> None:
        """Be one of the threads."""
        while not self.is_over:
            begun = time.perf_counter()
            self._finish(begun, is_approved=pay(next_number()))

    def _finish(self, begun: float, *, is_approved: bool) -> None:
        now = time.perf_counter()
        if is_approved:
            self.finished.append((now, now - begun))
        else:
            self.not_approved += 1

    def between(self, first: Mark, last: Mark) -> Cell:
        """Count what was finished between two marks."""
        latencies = [took for at, took in self.finished if first.at <= at < last.at]
        return Cell(
            payments=len(latencies),
            seconds=last.at - first.at,
            cpu_seconds=last.cpu_seconds - first.cpu_seconds,
            commits=last.commits - first.commits,
            not_approved=self.not_approved,
            latencies=latencies,
        )


async def measure_async(pay: AsyncPay, in_flight: int, seconds: float) -> Cell:
    """Measure a window with so many tasks."""
    load = Load()
    tasks = [asyncio.create_task(load.pay_async(pay)) for _ in range(in_flight)]
    await asyncio.sleep(RAMP_SECONDS)
    first = Mark.now()
    await asyncio.sleep(seconds)
    last = Mark.now()
    load.is_over = True
    await asyncio.gather(*tasks)
    return load.between(first, last)


def measure(pay: Pay, in_flight: int, seconds: float) -> Cell:
    """Measure a window with so many threads."""
    load = Load()
    with ThreadPoolExecutor(in_flight) as threads:
        futures = [threads.submit(load.pay, pay) for _ in range(in_flight)]
        time.sleep(RAMP_SECONDS)
        first = Mark.now()
        time.sleep(seconds)
        last = Mark.now()
        load.is_over = True
        for future in futures:
            future.result()
    return load.between(first, last)


async def pay_many(pay: AsyncPay, in_flight: int, payments: int) -> None:
    """Make so many payments, remembering nothing of them."""
    rest = iter(range(payments))

    async def pay_one_by_one() -> None:
        for _ in rest:
            await pay(next_number())

    await asyncio.gather(*(pay_one_by_one() for _ in range(in_flight)))


class CountingSession(sqlite.Session):
    """A session of the journal that counts the commits with something to make durable."""

    commits = 0

    def __init__(
        self, connection: sqlite3.Connection, mode: str, clock: Callable[[], float]
    ) -> None:
        super().__init__(connection, mode, clock)
        self._counted = connection
        self._changes = 0

    def commit(self) -> None:
        """Commit, and count it where rows were changed."""
        super().commit()
        changes = self._counted.total_changes
        CountingSession.commits += changes != self._changes
        self._changes = changes


def watch_commits() -> None:
    """Have the journals that this process opens from now on count their commits."""
    sqlite.Session = CountingSession  # type: ignore[misc]
