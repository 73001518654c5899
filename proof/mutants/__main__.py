"""`python -m proof.mutants`: change the core and the verdicts, and see that a test notices.

1: a mutant survives that isn't listed, a listed one doesn't survive, or the score is too low.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from math import isinf
from typing import TYPE_CHECKING, Final
from zlib import crc32

from proof.evidence import ROOT, Table, keep
from proof.mutants.changed import changed_functions
from proof.mutants.mutations import mutants
from proof.mutants.report import Report, is_tried
from proof.mutants.survivors import listed
from proof.mutants.trial import Fate, Trial, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.mutants.mutations import Mutant

PACKAGE: Final = ROOT / "src" / "netcancel"

ROOMS: Final = ("kicc", "core")
"""Each is tried by the tests of its own: tests/kicc, tests/core."""

UNTESTED: Final = (
    "Mutants of tables, constants, default values and sentences: only function bodies are changed.",
)


def main() -> int:
    """Read the options, try the mutants of each room, and print."""
    options = _options()
    begun = time.monotonic()
    reports = []
    for room in options.room:
        found = _mutants(room, options.changed)
        reports.append(Report(room, found, is_whole=options.changed is None))
        if found:
            _try(reports[-1], options.processes, options.seconds)
    seconds = time.monotonic() - begun
    for report in filter(lambda report: report.mutants, reports):
        print(f"{report.room}: {', '.join(f'{v} {k}' for k, v in report.figures().items())}")
    print(f"{sum(len(report.mutants) for report in reports)} mutants, {seconds:.0f} s")
    faults = [fault for report in reports for fault in report.faults(listed())]
    print("".join(f"{fault}\n" for fault in faults), end="", file=sys.stderr)
    if options.keep and not faults:
        _keep(reports, seconds)
    return 1 if faults else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.mutants", description=__doc__)
    parser.add_argument("--room", nargs="+", choices=ROOMS, default=ROOMS)
    parser.add_argument("--changed", metavar="COMMIT", help="only functions that differ from it")
    parser.add_argument(
        "--seconds", type=float, default=float("inf"), help="how long to try those of a room"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument(
        "--keep", action="store_true", help="keep the figures of a whole run without fault"
    )
    options = parser.parse_args()
    is_whole = options.room == ROOMS and options.changed is None and isinf(options.seconds)
    if options.keep and not is_whole:
        parser.error("--keep is for a whole run")
    return options


def _mutants(room: str, since: str | None) -> list[Mutant]:
    """Return the mutants of a room's functions, or of those that differ from a commit's."""
    found: list[Mutant] = []
    for path in sorted((PACKAGE / room).rglob("*.py")):
        names = None if since is None else changed_functions(path, since)
        if names != set():
            found += mutants(path, path.read_text("utf-8"), names)
    return found


def _try(report: Report, processes: int, seconds: float) -> None:
    # pytest takes what is printed amid its session; this stream is ours.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as out:

        def tell(mutant: Mutant, fate: Fate) -> None:
            report.fates.append((mutant, fate))
            if fate is not Fate.KILLED:
                print(f"{fate}: {mutant.name}: {mutant.change}", file=out, flush=True)

        # The order is the same in each run, and mixes the functions: time may not suffice for all.
        tried = sorted(
            filter(is_tried, report.mutants),
            key=lambda mutant: crc32(f"{mutant.name}: {mutant.change}".encode()),
        )
        status = run(Trial(tried, processes, tell, seconds), ROOT / "tests" / report.room)
    if status:
        sys.exit(f"the tests of {report.room} can't run: pytest ended with {status}")


def _keep(reports: Sequence[Report], seconds: float) -> None:
    names = list(reports[0].figures())
    keep(
        "mutants",
        command="python -m proof.mutants",
        figures={
            "mutants tried": sum(len(report.fates) for report in reports),
            "mutants noticed": sum(report.noticed for report in reports),
            "minutes": round(seconds / 60, 1),
        },
        table=Table(
            ["", *(report.room for report in reports)],
            [[name, *(report.figures()[name] for report in reports)] for name in names],
        ),
        untested=UNTESTED,
    )


if __name__ == "__main__":
    sys.exit(main())
