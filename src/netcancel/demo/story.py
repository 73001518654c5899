"""The course of the demonstration, from the first process to the closed books.

When half of the callers have been told, one shop and one worker are killed and replaced. When
everything is closed, or the time is over, the ledger is compared with the journal and with what
callers heard.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from netcancel.demo import scene
from netcancel.demo.books import Balance, close_books
from netcancel.demo.stage import Cast, Snapshot, Stage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SHOPS: Final = ("SHOP1", "SHOP2")
WORKERS: Final = ("worker-1", "worker-2")

HALF: Final = 0.5

PAYING_PATIENCE_SECONDS: Final = 120.0
CLOSING_PATIENCE_SECONDS: Final = 120.0
"""More than any lease, retry and settle time of the scene: what is open then stays open."""


def perform(
    directory: Path, *, payments: int, seed: int, watch: Callable[[Snapshot], None]
) -> Balance:
    """Give the performance; raises `Broken`. No process of it is left, however it ends."""
    cast = Cast(
        directory=directory,
        journal=scene.journal_in(directory),
        payments=payments,
        seed=seed,
        shops=SHOPS,
        workers=WORKERS,
        faults=scene.fault_words(),
    )
    with Stage(cast, watch) as stage:
        stage.wait(lambda: stage.share_told() >= HALF, _after(PAYING_PATIENCE_SECONDS))
        # The shop first: while a worker is replaced it might end.
        stage.kill(SHOPS[0])
        stage.kill(WORKERS[0])
        stage.wait(stage.all_are_told, _after(PAYING_PATIENCE_SECONDS))
        stage.wait(stage.all_is_closed, _after(CLOSING_PATIENCE_SECONDS))
        stage.still(*WORKERS)
        return close_books(stage.sandbox.charges(), stage.payments(), stage.told())


def _after(seconds: float) -> float:
    return time.monotonic() + seconds
