"""`python -m bench`: guarded approvals beside unguarded and naive ones, each journal, `memory`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bench import journals, keeping, machine, memory, processes, rounds, syncs

if TYPE_CHECKING:
    from bench.journals import JournalRow
    from bench.rounds import Row

METHOD: Final = """\
Gateway: one more process on this machine; it approves everything and checks nothing.
Each variant: a process of its own, one at work at a time, in turns; medians over {rounds} rounds of
{seconds:g} s; ratios within the same round; p50 and p99 over all rounds. CPU is the variant's own.
AsyncGuard, Guard (threads): journal, vault, recovery thread; AsyncClient: the same wire alone.
These open a connection for each payment; httpx and httpx2 keep theirs, as they do by default."""


def main() -> None:
    """Read the options, measure and print."""
    options = _options()
    # Not /tmp: that may be a file system in memory, where a sync costs nothing.
    with (
        tempfile.TemporaryDirectory(prefix="netcancel-bench-", dir=options.directory) as made,
        processes.answerer() as base_url,
    ):
        directory = Path(made)
        facts = machine.facts(directory)
        if not options.json:
            print("\n".join(f"{name:13} {value}" for name, value in facts.items()))
        result: dict[str, object] = {}
        if options.what in {"all", "speed"}:
            result |= _measure_speed(options, base_url, directory)
        if options.what in {"all", "journals"}:
            result |= _measure_journals(options, base_url, directory)
        if options.what == "memory":
            result |= _measure_memory(options, base_url, directory)
        if options.json:
            json.dump({"machine": facts} | result, sys.stdout, indent=2)
            print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "what", nargs="?", choices=("all", "speed", "journals", "memory"), default="all"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and no tables")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.8, help="length of each measurement")
    parser.add_argument("--payments", type=int, default=100_000, help="for memory")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the long queue of claims")
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    parser.add_argument("--directory", default="/var/tmp", help="a disk for the journals")  # noqa: S108  a fresh directory is made in it
    return parser.parse_args()


def _measure_speed(
    options: argparse.Namespace, base_url: str, directory: Path
) -> dict[str, object]:
    per_commit = syncs.per_commit(base_url, directory)
    if not options.json:
        counted = "unknown (no strace)" if per_commit is None else f"{per_commit:.1f}"
        print(f"{'disk syncs':13} {counted} per commit")
        print("\n" + METHOD.format(rounds=options.rounds, seconds=options.seconds))
    rows: list[Row] = []
    for table in rounds.run(
        base_url,
        directory,
        rounds=options.rounds,
        seconds=options.seconds,
        syncs_per_commit=per_commit,
    ):
        rows += table
        if not options.json:
            _print_table(table)
    if options.keep:
        keeping.keep_speed(rows)
    return {"syncs_per_commit": per_commit, "rows": [asdict(row) for row in rows]}


def _print_table(table: list[Row]) -> None:
    print(f"\n{table[0].in_flight} in flight")
    print(
        "             payments/s   of AsyncClient   of httpx2   p50 ms   p99 ms   CPU µs"
        "   commits   disk syncs"
    )
    for row in table:
        ratios = [row.ratios.get(other, 1.0) for other in ("AsyncClient", "httpx2")]
        synced = "?" if row.syncs is None else f"{row.syncs:.2f}"
        print(
            f"{row.variant:12} {row.per_second:10.0f} {ratios[0]:16.2f} {ratios[1]:11.2f}"
            f" {row.p50_ms:8.1f} {row.p99_ms:8.1f} {row.cpu_us:8.0f} {row.commits:9.2f}"
            f" {synced:>12}"
        )
        if row.not_approved:
            print(f"             {row.not_approved} of these were not approved, and not counted")
    sys.stdout.flush()


def _measure_journals(
    options: argparse.Namespace, base_url: str, directory: Path
) -> dict[str, object]:
    if not options.json:
        print(f"\njournals, one at work at a time; claims of {journals.CLAIM} rows that are due")
        print(
            "            payments/s   recovered/s   claim ms of 10,000   claim ms of"
            f" {options.rows:,}   ratio"
        )
    rows: list[JournalRow] = []
    for row in journals.run(base_url, directory, rows=options.rows, seconds=options.seconds):
        rows.append(row)
        if not options.json:
            print(
                f"{row.journal:10} {row.payments_per_second:11.0f} {row.recovered_per_second:13.0f}"
                f" {row.claim_ms_small:20.1f} {row.claim_ms_large:21.1f} {row.ratio:7.2f}",
                flush=True,
            )
    if options.keep:
        keeping.keep_journals(rows, options.rows)
    return {"journals": [asdict(row) for row in rows]}


def _measure_memory(
    options: argparse.Namespace, base_url: str, directory: Path
) -> dict[str, object]:
    points = []
    for payments, rss in memory.run(base_url, directory, options.payments):
        points.append((payments, rss))
        if not options.json:
            print(f"after {payments:7,} payments: {rss / 2**20:6.1f} MiB resident", flush=True)
    if options.keep:
        keeping.keep_memory(points)
    return {"memory": [{"payments": payments, "rss_bytes": rss} for payments, rss in points]}


if __name__ == "__main__":
    main()
