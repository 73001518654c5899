"""`python -m campaigns.storm`: an outage leaves a long queue of debts; then the gateway is back.

Two workers, each a process, share the pace. A shop goes on selling meanwhile. The gateway counts
what arrives, by its own clock; one debt in a hundred can't be worked.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from campaigns.drain import Drain
from campaigns.drain_promises import Scale, check, figures
from netcancel.demo import scene
from proof.evidence import keep
from tests.servers.administrators import ADMINISTRATORS
from tests.servers.kinds import found
from tests.servers.running import OwnServer

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE: Final = "sqlite"
SHOWN_MAX: Final = 20
"""Most broken promises that are printed."""

UNTESTED: Final = (
    "a storm on more than one machine: workers, gateway and journal shared two cores",
)


def main() -> int:
    """Read the options, let the storm come, and print; 1: a promise was broken."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    options = _options()
    scale = Scale(options.rows, options.per_second, options.in_flight)
    # Not /tmp: that may be a file system in memory, where a sync costs nothing.
    made = Path(tempfile.mkdtemp(prefix="netcancel-storm-", dir=options.directory))
    with _journal(options.journal, made) as url:
        evidence = Drain(url, made, scale).run()
    measured = figures(evidence)
    promises = check(evidence)
    if options.json:
        json.dump(measured, sys.stdout, indent=2)
        print()
    else:
        print("\n".join(f"{value:>10} {name}" for name, value in measured.items()))
        for promise in promises:
            print(f"{'broken' if promise.broken else 'kept':6} {promise.name}: {promise.checked}")
    broken = [text for promise in promises for text in promise.broken]
    print("".join(f"{text}\n" for text in broken[:SHOWN_MAX]), end="", file=sys.stderr)
    if broken:
        print(f"what the processes said and were told is in {made}", file=sys.stderr)
        return 1
    shutil.rmtree(made)
    if options.keep:
        _keep(options, measured)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m campaigns.storm", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="debts of the past")
    parser.add_argument("--journal", choices=(FILE, *ADMINISTRATORS), default=FILE)
    parser.add_argument("--per-second", type=float, default=1_000.0, help="the pace of all workers")
    parser.add_argument("--in-flight", type=int, default=64, help="at most, for each worker")
    parser.add_argument("--json", action="store_true", help="print one JSON object and no text")
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    parser.add_argument("--directory", default="/var/tmp", help="a disk for the journal")  # noqa: S108  a fresh directory is made in it
    return parser.parse_args()


@contextmanager
def _journal(name: str, directory: Path) -> Iterator[str]:
    """Return the URL of a journal that isn't there yet."""
    if name == FILE:
        yield scene.journal_in(directory)
        return
    kind = found(name)
    if kind is None:
        raise SystemExit(f"missing here: the programs of {name}")
    with OwnServer(kind, str(directory.parent)) as server:
        yield ADMINISTRATORS[name](server.url).empty_database()


def _keep(options: argparse.Namespace, measured: dict[str, int | float | str]) -> None:
    keep(
        f"storm-{options.journal}",
        command=f"python -m campaigns.storm --journal {options.journal} --rows {options.rows}"
        f" --per-second {options.per_second:g} --in-flight {options.in_flight}",
        figures=measured,
        untested=UNTESTED,
    )


if __name__ == "__main__":
    sys.exit(main())
