"""Under which terms a campaign's shops sell, and how its gateway is while all goes well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netcancel.sandbox.ledger import NetCancelMemory

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS: Final = 1.0
"""A lease is nine seconds more."""

POLICY: Final = {
    "timeout_seconds": TIMEOUT_SECONDS,
    "settle_seconds": 2.0,
    "first_retry_seconds": 0.2,
    "retry_ceiling_seconds": 2.0,
    "retry_window_seconds": 3_600.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What is the same from a campaign's beginning to its end."""

    policy: Mapping[str, float]
    memory: NetCancelMemory
    slow_rate: float
    """Of approvals that are answered slowly, in time."""
    at_once: int
    """Customers of a shop who pay at the same moment."""


USUAL: Final = Terms(
    policy=POLICY,
    memory=NetCancelMemory.TOMBSTONE,
    slow_rate=0.5,  # so a blow always meets some of them
    at_once=1,
)

BEFORE_OUTAGES: Final = Terms(
    # A gateway that forgets net-cancels must work what has left within the settle time: four
    # seconds of it suffice on a machine that has other things to do as well.
    policy=POLICY | {"settle_seconds": 4.0, "keep_alive_seconds": 30.0},
    memory=NetCancelMemory.FORGETFUL,
    slow_rate=0.1,  # their connections aren't kept
    at_once=5,
)
"""Where a link goes down.

No connection can be made over it then, so approvals wait in a kernel only on connections that were
kept: several of each shop's are when it happens.
"""
