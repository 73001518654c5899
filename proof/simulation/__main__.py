"""The command line: `python -m proof.simulation --help`."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections import Counter
from functools import partial
from typing import Final

from proof.evidence import commit, keep
from proof.simulation.campaign import LEVELS, Result, explore, shrink, try_seed
from proof.simulation.goals import unmet
from proof.simulation.run import PAYMENTS

YEAR_SECONDS: Final = 365 * 86_400

PAYMENTS_AT: Final = {"tokens": 1_000_000, "full": 200_000, "postgres": 10_000, "mariadb": 10_000}
"""How many to simulate if nobody says so."""

UNTESTED: Final = (
    "clocks of hosts that run at different speeds, in the simulation",
    "the thread that serves a journal, in the simulation: each operation is a batch of its own",
    "SQLite's TRUNCATE mode, in the simulation: other proofs have it",
)


def main() -> int:
    """Simulate, and say with the exit code whether every promise held and every goal was met."""
    asked = _arguments().parse_args()
    # What the journals say of commits that raise is what is simulated.
    logging.getLogger("netcancel").addHandler(logging.NullHandler())
    print(f"commit {commit()}, Python {sys.version.split()[0]}")
    if asked.seed is not None:
        return _replay(asked)
    first = asked.first_seed
    begun = time.monotonic()
    if asked.hunt is not None:
        seeds = range(first, first + asked.hunt)
        result = explore(seeds, asked.workers, level=asked.level, compares=False)
    else:
        runs = -(-(asked.payments or PAYMENTS_AT[asked.level]) // PAYMENTS)
        dropped = asked.without_assumption
        result = explore(
            range(first, first + runs), asked.workers,
            level=asked.level, dropped=dropped, stops_early=dropped is None,
        )  # fmt: skip
    seconds = time.monotonic() - begun
    _print(result, first, seconds)
    if asked.keep:
        _keep(result, asked.level, first, seconds)
    if asked.without_assumption is not None:
        return _report_outside(result, asked.without_assumption)
    if not result.broken:
        return 0 if asked.hunt is not None else _report_goals(result)
    print(f"seed {result.broken[0].seed}: {result.broken[0].broken}")
    if asked.hunt is None:
        _explain(result.broken[0].seed, asked.level)
    return 1


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m proof.simulation", description=__doc__)
    parser.add_argument("--level", choices=LEVELS, default="tokens")
    parser.add_argument(
        "--payments", type=int, help=f"as many as the level is worth: {PAYMENTS_AT}"
    )
    parser.add_argument("--seed", type=int, help="replay one seed with its trace")
    parser.add_argument("--only", help="with --seed: the places of the faults to keep, 1,5,9")
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument(
        "--hunt", type=int, metavar="SEEDS", help="only see whether a promise breaks"
    )
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    parser.add_argument("--without-assumption", choices=("a", "b", "c"))
    return parser


def _replay(asked: argparse.Namespace) -> int:
    """Run one seed, and print everything that happens."""
    once = partial(try_seed, asked.seed, level=asked.level, dropped=asked.without_assumption)
    without: set[int] = set()
    if asked.only is not None:
        kept = {int(place) for place in asked.only.split(",") if place}
        without = set(range(len(once()[1].plan))) - kept
    finding, run = once(without=without, traces=True)
    if run.trace is not None:
        print("\n".join(run.trace.lines))
        print(f"trace {run.trace.digest}")
    print(finding.broken or "every promise held")
    return 0 if finding.broken is None else 1


def _print(result: Result, first: int, seconds: float) -> None:
    years = result.virtual_seconds / YEAR_SECONDS
    print(
        f"{result.payments:,} payments in {result.runs:,} runs (seeds from {first}),"
        f" {years:.1f} virtual years, {seconds:.1f} s"
    )
    for name, times in sorted(result.hits.items()):
        print(f"{times:>12,}  {name}")
    print(f"traces of what was run twice: {result.trace}")


def _keep(result: Result, level: str, first: int, seconds: float) -> None:
    hits = result.hits
    asked = f"--level {level} --payments {result.payments} --first-seed {first}"
    keep(
        f"simulation-{level}",
        command=f"python -m proof.simulation {asked}",
        figures={
            "simulated payments": result.payments,
            "seeds": result.runs,
            "virtual years": round(result.virtual_seconds / YEAR_SECONDS, 1),
            "seconds": round(seconds, 1),
            "seeds run twice, with equal traces": hits["run twice"],
            "hash of those traces": result.trace,
            **{name: times for name, times in sorted(hits.items()) if name.startswith("fault: ")},
            "moves of the table": sum(hits[name] for name in hits if name.startswith("move: ")),
            "goals met too rarely": len(unmet(hits, result.payments)),
            "promises broken": len(result.broken),
        },
        untested=UNTESTED,
    )


def _explain(seed: int, level: str) -> None:
    """Print the fewest faults that still break a promise, and how to see them do it."""
    kept, run = shrink(seed, level=level)
    print(f"the fewest faults that still break a promise: {len(run.plan)}")
    for fault in run.plan:
        print(f"  {fault}")
    only = ",".join(str(place) for place in kept)
    print(f"replay: python -m proof.simulation --level {level} --seed {seed} --only '{only}'")


def _report_outside(result: Result, dropped: str) -> int:
    """Say what no client can hold: without an assumption, orphans must be found."""
    broken = [finding.broken or "" for finding in result.broken]
    orphans = sum(what.startswith("I1: ") for what in broken)
    print(f"outside what is assumed of the gateway (docs/protocol.md): without ({dropped}),")
    print(
        f"{len(broken):,} of {result.runs:,} runs broke a promise, {orphans:,} of them by an orphan"
    )
    for what, times in Counter(what.partition(": ")[0] for what in broken).most_common():
        print(f"{times:>12,}  {what}")
    return 0 if orphans else 1


def _report_goals(result: Result) -> int:
    missing = unmet(result.hits, result.payments)
    for goal, times in missing.items():
        print(f"met too rarely ({times:,}): {goal}")
    if not missing:
        print("0 promises broken, every goal met")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
