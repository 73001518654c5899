"""The course of a drill: payments, faults, kills and pauses, until all is closed or time is up."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from netcancel.demo.promises import Evidence
from netcancel.demo.stage import Broken, Cast, Snapshot, Stage
from netcancel.drill.blows import Blow, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

BEYOND_LEASE_SECONDS: Final = 1.0
"""A paused process sleeps so much longer than its lease: then others have taken over."""


class Ending(StrEnum):
    """How a drill ended."""

    COMPLETE = "complete"
    OUT_OF_TIME = "out of time"
    INTERRUPTED = "interrupted"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Ended:
    """What a drill leaves behind."""

    ending: Ending
    why: str
    """What broke it; empty otherwise."""
    seconds: float
    evidence: Evidence
    blows: Mapping[str, int]
    """How often each kind met somebody."""
    events: Sequence[str]


def hold(
    cast: Cast,
    plan: Sequence[Blow],
    *,
    lease_seconds: float,
    within_seconds: float,
    watch: Callable[[Snapshot], None],
) -> Ended:
    """Hold a drill; raises `Broken` only where it can't begin. No process of it is left."""
    began = time.monotonic()
    with Stage(cast, watch) as stage:
        drill = Drill(stage, lease_seconds)
        ending, why = Ending.COMPLETE, ""
        try:
            if not drill.run(plan, began + within_seconds):
                ending = Ending.OUT_OF_TIME
        except KeyboardInterrupt:
            ending = Ending.INTERRUPTED
        except Broken as error:
            ending, why = Ending.BROKEN, str(error)
        stage.still(*cast.shops, *cast.workers)
        seconds = time.monotonic() - began
        return Ended(ending, why, seconds, _evidence(stage), drill.struck, stage.seen.events)


class Drill:
    """What happens on the stage."""

    def __init__(self, stage: Stage, lease_seconds: float) -> None:
        self._stage = stage
        self._pause_seconds = lease_seconds + BEYOND_LEASE_SECONDS
        self.struck: Counter[str] = Counter()

    def run(self, plan: Sequence[Blow], until: float) -> bool:
        """Strike each blow at its time, then wait until all is closed; False: time is up."""
        for blow in plan:
            self._wait_for(blow, until)
            self._strike(blow)
        stage = self._stage
        return stage.wait(stage.all_are_told, until) and stage.wait(stage.all_is_closed, until)

    def _wait_for(self, blow: Blow, until: float) -> None:
        stage = self._stage
        stage.wait(lambda: stage.share_told() >= blow.at_share or stage.all_are_told(), until)

    def _strike(self, blow: Blow) -> None:
        """Do it, unless the victim has done its part already."""
        family = self._stage.family
        if not family.is_running(blow.victim):
            return
        self.struck[blow.kind] += 1
        if blow.kind is Kind.KILL:
            self._stage.kill(blow.victim)
        else:
            family.pause(blow.victim, self._pause_seconds)
            self._stage.note(f"{blow.victim} stopped for {self._pause_seconds:g} s")


def _evidence(stage: Stage) -> Evidence:
    logs = stage.cast.directory.glob("*.log")
    return Evidence(
        charges=stage.sandbox.charges(),
        requests=stage.sandbox.requests(),
        payments=stage.payments(),
        told=stage.told(),
        logs={path.name: path.read_text(encoding="utf-8") for path in logs},
    )
