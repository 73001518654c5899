"""All variants measured side by side: in turns, round by round, within one run.

Each variant lives in a process of its own from the first round to the last, and only one of them
works at a time. Every other round goes backwards, so that none always follows the same neighbour.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from statistics import median, quantiles
from typing import TYPE_CHECKING, Final

from bench import processes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from bench.load import Cell

VARIANTS: Final = ("AsyncGuard", "Guard", "AsyncClient", "httpx2", "httpx")
IN_FLIGHT: Final = (1, 16, 64, 256)
WARM_UP_SECONDS: Final = 0.3


@dataclass(frozen=True, slots=True)
class Row:
    """What one variant did at one number in flight; medians over the rounds."""

    in_flight: int
    variant: str
    per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    """Processor time per payment, of the variant's process."""
    commits: float
    """Commits per payment."""
    syncs: float | None
    """Syncs of the disk per payment; None where nothing could count them."""
    ratios: dict[str, float]
    """Payments per second as a multiple of each other variant's in the same round."""
    not_approved: int


def run(
    base_url: str, directory: Path, *, rounds: int, seconds: float, syncs_per_commit: float | None
) -> Iterator[list[Row]]:
    """Yield the rows of each number in flight."""
    with contextlib.ExitStack() as stack:
        payers = {
            name: stack.enter_context(
                processes.payer(name, base_url, f"sqlite:///{directory}/{name}.db")
            )
            for name in VARIANTS
        }
        for payer in payers.values():
            payer.measure(IN_FLIGHT[1], WARM_UP_SECONDS)
        for in_flight in IN_FLIGHT:
            cells: dict[str, list[Cell]] = {name: [] for name in VARIANTS}
            for turn in range(rounds):
                for name in VARIANTS if turn % 2 == 0 else reversed(VARIANTS):
                    cells[name].append(payers[name].measure(in_flight, seconds))
            yield [_row(in_flight, name, cells, syncs_per_commit) for name in VARIANTS]


def _row(
    in_flight: int, name: str, cells: dict[str, list[Cell]], syncs_per_commit: float | None
) -> Row:
    mine = cells[name]
    p50, p99 = _percentiles([1000 * took for cell in mine for took in cell.latencies])
    commits = _median(mine, lambda cell: cell.commits / max(1, cell.payments))
    return Row(
        in_flight=in_flight,
        variant=name,
        per_second=_median(mine, _rate),
        p50_ms=p50,
        p99_ms=p99,
        cpu_us=_median(mine, lambda cell: 1e6 * cell.cpu_seconds / max(1, cell.payments)),
        commits=commits,
        syncs=None if syncs_per_commit is None else commits * syncs_per_commit,
        ratios={
            other: median(
                _rate(a) / _rate(b) for a, b in zip(mine, theirs, strict=True) if b.payments
            )
            for other, theirs in cells.items()
            if other != name and any(cell.payments for cell in theirs)
        },
        not_approved=sum(cell.not_approved for cell in mine),
    )


def _rate(cell: Cell) -> float:
    return cell.payments / cell.seconds


def _median(cells: list[Cell], value: Callable[[Cell], float]) -> float:
    return median(value(cell) for cell in cells)


def _percentiles(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:  # noqa: PLR2004  fewer have no quantiles
        return (values or [0.0])[0], (values or [0.0])[0]
    cuts = quantiles(values, n=100)
    return cuts[49], cuts[98]
