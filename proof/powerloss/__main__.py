"""`python -m proof.powerloss`: the power fails behind every operation of a SQLite journal.

A life of a journal is recorded: every write, truncation, sync and deletion that SQLite asks of the
disk, done by the journal's own code. Behind each of them the power fails, and a disk may keep what
was not synced, or lose it, in whole or in part. What is left is opened by the journal's own code:
it must say what it said after the last commit, or after the one that was under way.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from typing import TYPE_CHECKING, Final

import apsw

from proof.evidence import Table, keep
from proof.powerloss import errors
from proof.powerloss.failing import ERRORS
from proof.powerloss.modes import MODES
from proof.powerloss.run import Running, judge, lives

if TYPE_CHECKING:
    from collections.abc import Sequence

    from proof.powerloss.modes import Mode
    from proof.powerloss.run import Broken, Result

SEEDS: Final = 1_000_000
IMAGES: Final = 20_000
SELF_TEST_SHARE: Final = 20
"""A mode that must be found out gets one image in so many: it breaks soon."""

HEAD: Final = ("mode", "operations", "images", "distinct", "core-sec.", "broken", "damaged")
FAULT_LASTS: Final = (1, 25)
"""For how many operations a disk fails: the longer one outlasts what SQLite does to recover."""

ERRORS_HEAD: Final = ("mode", "disk", "for", "faults", "core-sec.", "broken")
ERRORS_LINE: Final = "{:<16}{:<8}" + "{:>11}" * 4
SHOWN_MAX: Final = 12
"""Most lines that are printed of one failure."""


def main() -> int:
    """Read the options, fail the power, and print; 1: not every mode did as it must."""
    options = _options()
    modes = [mode for mode in MODES if options.mode in {None, mode.name}]
    if options.errors:
        return _meet_errors([mode for mode in modes if mode.is_ours], keeps=options.keep)
    if options.again:
        return _again(modes[0], options.seed, options.again)
    print(f"seed {options.seed}, SQLite {apsw.sqlite_lib_version()}")
    print(("{:<16}" + "{:>11}" * 6).format(*HEAD), flush=True)
    began = time.monotonic()
    results: list[Result] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=spawn) as executor:
        shares = ((mode, 1 if mode.is_ours else SELF_TEST_SHARE) for mode in modes)
        running = [
            Running(mode, max(1, options.images // share), options.seed, executor)
            for mode, share in shares
        ]
        for each in running:
            results.append(each.result())
            print(("{:<16}" + "{:>11,}" * 6).format(*_row(results[-1])), flush=True)
    seconds = round(time.monotonic() - began)
    print(f"{seconds} seconds")
    if options.keep:
        _keep(results, options.images, seconds)
    wrong = [result for result in results if not result.is_as_it_must_be]
    for result in wrong:
        _complain(result, options.seed)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m proof.powerloss", description=__doc__)
    parser.add_argument(
        "--images", type=int, default=IMAGES, help="of each mode that the product uses"
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(SEEDS))
    parser.add_argument("--mode", choices=[mode.name for mode in MODES], help="one only")
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    parser.add_argument(
        "--again",
        metavar="LIFE:ENTRY:IMAGE",
        help="one image that failed, with its --mode and --seed",
    )
    parser.add_argument(
        "--errors",
        action="store_true",
        help="instead: have the disk fail at each operation in turn, once or for a while",
    )
    options = parser.parse_args()
    if options.keep and options.mode:
        parser.error("only a run of all modes is kept")
    return options


def _row(result: Result) -> list[str | int]:
    total = result.total
    figures = total.images, total.distinct, round(total.seconds), total.broken, total.damaged
    return [result.mode.name, result.operations, *figures]


def _complain(result: Result, seed: int) -> None:
    if result.total.first is None:
        print(f"{result.mode.name} must break a promise, and none was broken", file=sys.stderr)
        return
    print(f"{result.mode.name} broke a promise, seed {seed}:", file=sys.stderr)
    _tell(result.total.first)
    failure = result.total.first.failure
    print(
        f"again: python -m proof.powerloss --mode {result.mode.name} --seed {seed}"
        f" --again {result.total.first.life}:{failure.at}:{failure.number}",
        file=sys.stderr,
    )


def _tell(broken: Broken) -> None:
    print(f"the power failed behind entry {broken.failure.at}, {broken.operation}", file=sys.stderr)
    for title, lines in (
        ("of what was not synced", broken.failure.choices),
        ("what was said before, and what is found", broken.failure.differences),
    ):
        print(f"  {title}:", file=sys.stderr)
        _print_some(lines)


def _print_some(lines: Sequence[str]) -> None:
    for line in lines[:SHOWN_MAX]:
        print(f"    {line}", file=sys.stderr)
    if len(lines) > SHOWN_MAX:
        print(f"    and {len(lines) - SHOWN_MAX} more", file=sys.stderr)


def _again(mode: Mode, seed: int, place: str) -> int:
    """Judge one image once more; 1: it still breaks a promise."""
    life, at, number = place.split(":")
    recording = next(each for each in lives(mode) if each.life == life)
    tally = judge(recording, seed, {int(at): [int(number)]})
    if tally.first is None:
        print("no promise is broken")
        return 0
    _tell(tally.first)
    return 1


def _meet_errors(modes: Sequence[Mode], *, keeps: bool) -> int:
    """Have the disk fail, and print; 1: a promise was broken, or an outcome was not clear."""
    print(ERRORS_LINE.format(*ERRORS_HEAD), flush=True)
    began = time.monotonic()
    results: list[errors.Result] = []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(mp_context=spawn) as executor:
        kinds = list(product(modes, ERRORS, FAULT_LASTS))
        for each in executor.map(errors.run, *zip(*kinds, strict=True)):
            results.append(each)
            print(ERRORS_LINE.format(*_errors_row(each)), flush=True)
            _print_some([f"{broken.fault}: {broken.why}" for broken in each.broken])
    seconds = round(time.monotonic() - began)
    print(f"{seconds} seconds")
    if keeps:
        _keep_errors(results, seconds)
    return 1 if any(result.broken for result in results) else 0


def _errors_row(result: errors.Result) -> list[str | int]:
    figures = result.lasts, result.lives, round(result.seconds), len(result.broken)
    return [result.mode.name, result.trouble, *figures]


def _keep_errors(results: Sequence[errors.Result], seconds: int) -> None:
    keep(
        "disk-errors",
        command='make powerloss ARGS="--errors"',
        figures={
            "lives on a failing disk": sum(result.lives for result in results),
            "outcomes unclear or lost": sum(len(result.broken) for result in results),
            "seconds": seconds,
            "met with SQLite": apsw.sqlite_lib_version(),
        },
        table=Table(ERRORS_HEAD, [_errors_row(result) for result in results]),
    )


def _keep(results: Sequence[Result], images: int, seconds: int) -> None:
    ours = [result.total for result in results if result.mode.is_ours]
    keep(
        "powerloss",
        command=f"make powerloss IMAGES={images}",
        figures={
            "images": sum(total.images for total in ours),
            "distinct images": sum(total.distinct for total in ours),
            "broken promises": sum(total.broken for total in ours),
            "seconds": seconds,
            "recorded with SQLite": apsw.sqlite_lib_version(),
        },
        table=Table(HEAD, [_row(result) for result in results]),
        untested=[
            "a disk that says that it synced, and did not",
            "the power failing again while the journal recovers",
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
