"""Explore the worlds: `python -m proof.exploration --help`."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import IGNORED, MOVES, Event, State
from proof.evidence import keep
from proof.exploration.desks import DESKS
from proof.exploration.search import Found, search
from proof.exploration.stage import Stage
from proof.exploration.worlds import BIG, WORLDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.exploration.worlds import World

UNREACHED: Final[dict[tuple[State | None, Event], str]] = {
    (State.SETTLING, Event.OWNER_GAVE_UP): "workers die here; they are not interrupted",
    (State.SETTLING, Event.POISONED): "no sealed body is damaged here, only shredded when closed",
    (State.NET_CANCELLED, Event.CHARGE_REPORTED): "no charge outlives a net-cancel here",
    (State.RESOLVED, Event.LATE_APPROVAL): "a person resolves here only when nobody is at work",
}
"""Rows of the table that no world leads to, and why."""

UNTESTED: Final = (
    "two payments at once: a flow looks at another only to refuse before it sends",
    "signatures that are refused",
    "restores that nobody can notice, or to before a payment, or within the seconds of a flow",
    "check-ins in doubt, and of several hosts, in the exploration",
    "clocks that step, and servers' SQL: others prove these",
)


@dataclass(frozen=True, slots=True)
class Explored:
    """What came of one world."""

    name: str
    found: Found
    seconds: float
    moves: frozenset[tuple[str | None, str]]


def explore(name: str, world: World, journal: str) -> Explored:
    """Explore one world to its end."""
    begun = time.perf_counter()
    with closing(Stage(world, journal)) as stage:
        found = search(stage.graph())
    return Explored(name, found, time.perf_counter() - begun, frozenset(stage.books.moves))


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore what is asked for; 0: complete and nothing is broken."""
    parser = argparse.ArgumentParser(prog="python -m proof.exploration", description=__doc__)
    parser.add_argument("--world", default="all", choices=["all", *BIG])
    parser.add_argument("--big", action="store_true", help="more trouble in each world")
    parser.add_argument("--journal", default="memory", choices=DESKS, help="whose operations")
    parser.add_argument("--keep", action="store_true", help="write the figures down as evidence")
    asked = parser.parse_args(arguments)
    worlds = BIG if asked.big else WORLDS
    names = list(worlds) if asked.world == "all" else [asked.world]
    begun = time.perf_counter()
    done: list[Explored] = []
    with ProcessPoolExecutor(2) as pool:
        for each in [pool.submit(explore, name, worlds[name], asked.journal) for name in names]:
            done.append(each.result())
            _show(done[-1])
    is_broken = any(each.found.broken for each in done)
    is_whole = asked.world != "all" or _show_moves(done)
    if asked.keep:
        name = "exploration" if asked.journal == "memory" else f"exploration-{asked.journal}"
        keep(name, command=_command(asked), figures=_figures(done, begun), untested=UNTESTED)
    return 1 if is_broken or not is_whole else 0


def _show_moves(done: Sequence[Explored]) -> bool:
    """Print which rows of the table were reached; tell whether none is missing without a reason."""
    reached = frozenset[tuple[str | None, str]]().union(*(each.moves for each in done))
    rows = [(row.source, row.event) for row in (*MOVES, *IGNORED)]
    print(f"{sum(row in reached for row in rows)} of {len(rows)} rows of the table were reached")
    missing = [
        (move.source, move.event) for move in MOVES if (move.source, move.event) not in reached
    ]
    for source, event in missing:
        print(f"  not reached: {source}, {event}: {UNREACHED.get((source, event), 'NO REASON')}")
    return all(row in UNREACHED for row in missing)


def _command(asked: argparse.Namespace) -> str:
    size = " --big" if asked.big else ""
    of = "" if asked.journal == "memory" else f" --journal {asked.journal}"
    return f"python -m proof.exploration --world {asked.world}{size}{of}"


def _figures(done: Sequence[Explored], begun: float) -> dict[str, int | float | str]:
    return {
        "worlds": len(done),
        "states": sum(each.found.states for each in done),
        "transitions": sum(each.found.transitions for each in done),
        "broken worlds": sum(each.found.broken is not None for each in done),
        "seconds": round(time.perf_counter() - begun, 1),
    }


def _show(each: Explored) -> None:
    found = each.found
    counted = f"{found.states:>9,} states {found.transitions:>10,} transitions"
    print(f"{each.name:20} {counted} {each.seconds:6.1f} s", flush=True)
    if found.broken is not None:
        print(f"  BROKEN: {found.broken}")
        for number, step in enumerate(found.path, 1):
            print(f"  {number:3}. {step}")


if __name__ == "__main__":
    sys.exit(main())
