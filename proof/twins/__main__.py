"""`python -m proof.twins`: break the project in every way of the table, and see that it is noticed.

First each killer is tried on the project as it is, where it must pass; then on its twins, where it
must fail. 1: a killer fails on the project, or a twin lives.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from proof.evidence import Table, keep
from proof.twins.hunt import on_the_project, on_twins
from proof.twins.table import TWINS
from proof.twins.twin import Kind, Room, read_killer
from proof.twins.workshop import Found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.twins.hunt import Outcome
    from proof.twins.twin import Twin
    from proof.twins.workshop import Trial

LAST_WORDS: Final = 2_000
"""How much is shown of what an odd killer said; the reason stands at the end."""

REASON: Final = 120
"""How much of what a killer found is shown."""


def main() -> int:
    """Read the options, hunt, and print."""
    options = _options()
    twins = _chosen(options)
    if options.list:
        for twin in twins:
            print(f"{twin.room:<9} {twin.name}: {', '.join(map(str, twin.killers))}")
        return 0
    begun = time.monotonic()
    odd = _try_killers(twins)
    outcomes = _hunt(twins)
    living = [outcome for outcome in outcomes if not outcome.is_killed]
    seconds = time.monotonic() - begun
    for trial in odd:
        print(f"{trial.killer} does not pass on the project:\n{trial.said[-LAST_WORDS:]}")
    print(f"{len(outcomes)} twins, {len(living)} alive, {len(odd)} odd killers, {seconds:.0f} s")
    if options.keep:
        _keep(outcomes, seconds)
    return 1 if odd or living else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.twins", description=__doc__)
    parser.add_argument("--only", nargs="+", metavar="NAME", choices=[t.name for t in TWINS])
    parser.add_argument("--room", nargs="+", choices=[*Room], help="only twins broken there")
    parser.add_argument("--kind", nargs="+", choices=[*Kind], help="only killers of these kinds")
    parser.add_argument(
        "--instead",
        metavar="KILLER",
        type=read_killer,
        help="ask what else would notice: such as 'simulation --hunt 30', in place of all killers",
    )
    parser.add_argument("--list", action="store_true", help="say what would be done")
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    options = parser.parse_args()
    if options.keep and (options.only or options.room or options.kind or options.instead):
        parser.error("only a run of all twins and killers is kept")
    return options


def _chosen(options: argparse.Namespace) -> list[Twin]:
    twins = [
        twin
        for twin in TWINS
        if twin.name in (options.only or [twin.name]) and twin.room in (options.room or Room)
    ]
    if options.instead:
        return [replace(twin, killers=[options.instead]) for twin in twins]
    kinds = options.kind or [*Kind]
    chosen = [
        replace(twin, killers=[killer for killer in twin.killers if killer.kind in kinds])
        for twin in twins
    ]
    return [twin for twin in chosen if twin.killers]


def _try_killers(twins: Sequence[Twin]) -> list[Trial]:
    """Try all killers on the project, and return those that don't pass there."""
    killers = dict.fromkeys(killer for twin in twins for killer in twin.killers)
    print(f"{len(killers)} killers on the project as it is ...", flush=True)
    return [trial for trial in on_the_project(killers) if trial.found is not Found.NOTHING]


def _hunt(twins: Sequence[Twin]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    print(f"{len(twins)} twins ...", flush=True)
    for outcome in on_twins(twins):
        outcomes.append(outcome)
        for trial in outcome.trials:
            print(_line(outcome.twin, trial), flush=True)
            if trial.found is Found.UNCLEAR:
                print(trial.said[-LAST_WORDS:], flush=True)
    return outcomes


def _line(twin: Twin, trial: Trial) -> str:
    line = f"  {twin.name:<42} {trial.found:<8} {trial.seconds:5.1f} s  {trial.killer}"
    return f"{line}\n      {trial.why[:REASON]}" if trial.why else line


def _keep(outcomes: Sequence[Outcome], seconds: float) -> None:
    trials = [trial for outcome in outcomes for trial in outcome.trials]
    keep(
        "twins",
        command="python -m proof.twins",
        figures={
            "mistakes": len({outcome.twin.mistake for outcome in outcomes}),
            "twins": len(outcomes),
            "twins killed": sum(outcome.is_killed for outcome in outcomes),
            "killers": len({trial.killer for trial in trials}),
            "twins alive": sum(not outcome.is_killed for outcome in outcomes),
            "seconds": round(seconds),
        },
        table=Table(
            ["killers", "twins that they must kill", "killed"],
            [
                [kind, len(found), sum(trial.found is Found.SOMETHING for trial in found)]
                for kind in Kind
                if (found := [trial for trial in trials if trial.killer.kind is kind])
            ],
        ),
    )


if __name__ == "__main__":
    sys.exit(main())
