"""`python -m campaigns.kills`: processes and database servers killed amid payments.

Four shops and four recovery workers, each a process, on one journal, before a sandbox that loses
answers. They are killed, and paused beyond their leases; the journal's server is killed, its
transactions are terminated, its connections cut around their commits. With a network of its own
(Linux, as root), the link to the gateway goes down as well. Then all is calm, and the books are
closed: against the gateway's ledger, and against what the shops were told.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from campaigns.campaign import Campaign
from campaigns.network import Link, is_own, leave_for_own, missing_here
from campaigns.servers import Server
from campaigns.troubles import Trouble
from proof.evidence import keep
from tests.servers.administrators import ADMINISTRATORS
from tests.servers.kinds import found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from campaigns.report import Report

FILE: Final = "sqlite"
MODULE: Final = "campaigns.kills"
SEEDS: Final = 1_000_000


def main() -> int:
    """Read the options, make trouble, and print; 1: a promise was broken."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options()
    if options.own_network and not is_own():
        if lacking := missing_here():
            raise SystemExit(f"missing here: {lacking}")
        leave_for_own(MODULE, sys.argv[1:])
    journals = [options.journal] if options.journal else _servers_here()
    reports: list[Report] = []
    for journal in journals:
        if not options.json:
            print(f"seed {options.seed}, journal {journal} ...", flush=True)
        reports.append(_run(journal, options, options.duration / len(journals)))
        if not options.json:
            print("\n".join(reports[-1].lines()), flush=True)
    if options.json:
        json.dump([report.to_json() for report in reports], sys.stdout, indent=2)
        print()
    if options.keep:
        for report in reports:
            _keep(report, options)
    return _end(reports, options)


def _end(reports: Sequence[Report], options: argparse.Namespace) -> int:
    """Say what was broken, and how to see it again; return the exit code."""
    if options.own_network and not any(report.blows[Trouble.LINK_DOWN] for report in reports):
        print("no outage met a request: nothing was tried of it", file=sys.stderr)
        return 1
    broken = [report for report in reports if not report.is_kept]
    for report in broken:
        again = _command(report, options)
        print(f"a promise was broken; again: {again}", file=sys.stderr)
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m campaigns.kills", description=__doc__)
    parser.add_argument(
        "--duration",
        type=float,
        default=60.0,
        help="seconds of trouble, shared by the journals; calm comes on top",
    )
    parser.add_argument(
        "--journal", choices=(*ADMINISTRATORS, FILE), help="one only; else every server's, in turn"
    )
    parser.add_argument(
        "--own-network",
        action="store_true",
        help="in a network namespace, whose link goes down; with --journal sqlite, as root",
    )
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(SEEDS))
    parser.add_argument("--json", action="store_true", help="print one JSON list and no text")
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    parser.add_argument("--directory", default="/var/tmp", help="a disk for the journals")  # noqa: S108  a fresh directory is made in it
    options = parser.parse_args()
    if options.own_network and options.journal != FILE:
        parser.error(f"--own-network goes with --journal {FILE}: a server's link would go as well")
    return options


def _servers_here() -> list[str]:
    """Name the servers that can be started here; with CI=true none may be missing."""
    missing = [name for name in ADMINISTRATORS if found(name) is None]
    if missing:
        print(f"missing here: the programs of {' and '.join(missing)}", file=sys.stderr)
    here = [name for name in ADMINISTRATORS if name not in missing]
    if not here or (missing and os.environ.get("CI") == "true"):
        raise SystemExit(1)
    return here


def _run(journal: str, options: argparse.Namespace, duration_seconds: float) -> Report:
    # Not /tmp: that may be a file system in memory, where a sync costs nothing.
    made = tempfile.mkdtemp(prefix="netcancel-campaign-", dir=options.directory)
    server = None if journal == FILE else _server(journal, options.directory)
    report = None
    try:
        link = Link() if options.own_network else None
        campaign = Campaign(journal, Path(made), options.seed, server=server, link=link)
        report = campaign.run(duration_seconds)
        return report
    finally:
        if report is not None and report.is_kept:
            shutil.rmtree(made)
        else:
            print(f"what the processes said and were told is in {made}", file=sys.stderr)


def _keep(report: Report, options: argparse.Namespace) -> None:
    what = "link" if options.own_network else report.journal
    keep(f"kills-{what}", command=_command(report, options), figures=report.figures)


def _command(report: Report, options: argparse.Namespace) -> str:
    """Say how a campaign is done again."""
    own = " --own-network" if options.own_network else ""
    trouble = report.seconds["trouble"]
    return (
        f"python -m {MODULE} --journal {report.journal}{own} --seed {report.seed}"
        f" --duration {trouble:g}"
    )


def _server(name: str, directory: str) -> Server:
    kind = found(name)
    if kind is None:
        raise SystemExit(f"missing here: the programs of {name}")
    return Server(kind, directory)


if __name__ == "__main__":
    sys.exit(main())
