"""What happens to whom, and when: drawn from a seed.

Processes are real, so a seed repeats the blows, the payments and the gateway's faults, but not the
moments at which they meet.
"""

from __future__ import annotations

import random
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PAUSE_BEYOND_LEASE_SECONDS: Final = (0.5, 2.5)
BETWEEN_SECONDS: Final = (0.2, 1.0)
PAUSED_MAX: Final = 2
"""Most of four that sleep at the same time: somebody must be there to take over."""


class Trouble(StrEnum):
    """One kind of blow."""

    KILL_PAYER = "payers killed"
    KILL_WORKER = "workers killed"
    PAUSE_PAYER = "payers paused beyond their lease"
    PAUSE_WORKER = "workers paused beyond their lease"
    STRAND = "payers paused while the server was away"
    LINK_DOWN = "outages of the link"
    KILL_SERVER = "server killed and restarted"
    TERMINATE_AMID = "connections terminated before a commit"
    TERMINATE_ALL = "connections terminated"
    CUT_ALL = "connections cut"
    CUT_BEFORE_COMMIT = "commits cut off"
    CUT_AFTER_COMMIT = "answers to commits cut off"


OF_PROCESSES: Final = {
    Trouble.KILL_PAYER: 4,
    Trouble.KILL_WORKER: 4,
    Trouble.PAUSE_PAYER: 4,
    Trouble.PAUSE_WORKER: 4,
}
"""With their weights."""

OF_WORKERS: Final = frozenset({Trouble.KILL_WORKER, Trouble.PAUSE_WORKER})

OF_SERVERS: Final = {
    Trouble.STRAND: 1,
    Trouble.KILL_SERVER: 1,
    Trouble.TERMINATE_AMID: 4,
    Trouble.TERMINATE_ALL: 1,
    Trouble.CUT_ALL: 1,
    Trouble.CUT_BEFORE_COMMIT: 4,
    Trouble.CUT_AFTER_COMMIT: 6,
}


OF_LINK: Final = {Trouble.LINK_DOWN: 1}

LONG: Final = frozenset(
    {Trouble.PAUSE_PAYER, Trouble.PAUSE_WORKER, Trouble.STRAND, Trouble.LINK_DOWN}
)
"""What lasts for seconds."""


class Blow(NamedTuple):
    """Trouble, so many seconds after the last."""

    after_seconds: float
    trouble: Trouble
    victim: float
    """Which of those who are awake: from 0 to 1."""
    pause_seconds: float


def blows(seed: int, lease_seconds: float, *, has_server: bool, has_link: bool) -> Iterator[Blow]:
    """Yield blows without end: each kind once, long ones first, then by weight.

    An outage comes before any pause: who is paused amid a write keeps a journal that is a file to
    himself, and nobody sends anything.
    """
    draws = random.Random(f"{seed}/blows")  # noqa: S311  chaos, not secrets
    weights = OF_PROCESSES | (OF_SERVERS if has_server else {}) | (OF_LINK if has_link else {})
    kinds = sorted(
        weights, key=lambda trouble: (trouble not in OF_LINK, trouble not in LONG, draws.random())
    )
    while True:
        yield Blow(
            draws.uniform(*BETWEEN_SECONDS),
            kinds.pop(0) if kinds else draws.choices([*weights], [*weights.values()])[0],
            draws.random(),
            lease_seconds + draws.uniform(*PAUSE_BEYOND_LEASE_SECONDS),
        )
