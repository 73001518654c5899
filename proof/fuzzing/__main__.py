"""`python -m proof.fuzzing`: two fuzzers at once, one for bodies and one for whole answers.

Each compares the product with the oracle on inputs that it makes from the corpus. A finding is made
small, written into the corpus, printed, and fails the run.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from proof.evidence import keep
from proof.fuzzing.corpus import CHECKS, files

ROOT: Final = Path(__file__).parents[2]
STARTING_SECONDS: Final = 60.0
"""On top of the duration: instrumenting, and replaying the corpus."""

STATISTIC: Final = re.compile(r"(?m)^stat::(\w+): +(\d+)$")
FINDING: Final = re.compile(r"(?m)^finding: (.+)$")
TAIL_CHARACTERS: Final = 3_000


def main() -> int:
    """Read the options, fuzz, and print; 1: there is a finding."""
    parser = argparse.ArgumentParser(prog="python -m proof.fuzzing", description=__doc__)
    parser.add_argument("--duration", type=int, default=60, help="seconds, of both at once")
    parser.add_argument("--seed", type=int, default=0, help="0: drawn")
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        said = _fuzz(Path(directory), options.duration, options.seed)
    figures: dict[str, int] = {}
    for kind, text in said.items():
        found = {name: int(value) for name, value in STATISTIC.findall(text)}
        figures[f"{kind} tried"] = found.get("number_of_executed_units", 0)
        figures[f"{kind} tried a second"] = found.get("average_exec_per_sec", 0)
        figures[f"{kind} in the corpus"] = len(files(kind))
    findings = [path for text in said.values() for path in FINDING.findall(text)]
    figures["findings"] = len(findings)
    for name, value in figures.items():
        print(f"{value:>12,} {name}")
    for path in findings:
        print(f"{path}: {Path(path).read_bytes()!r}", file=sys.stderr)
    unfinished = [kind for kind, text in said.items() if not STATISTIC.search(text)]
    for kind in unfinished:
        print(f"{kind}: no whole run\n{said[kind][-TAIL_CHARACTERS:]}", file=sys.stderr)
    if options.keep:
        command = f"python -m proof.fuzzing --duration {options.duration} --seed {options.seed}"
        keep("fuzzing", command=command, figures=figures)
    return 1 if findings or unfinished else 0


def _fuzz(directory: Path, seconds: int, seed: int) -> dict[str, str]:
    """Run all fuzzers at once; return what each wrote."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    for kind in CHECKS:
        (directory / kind).mkdir()
        command = [sys.executable, "-m", "proof.fuzzing.target", kind, "--seconds", str(seconds)]
        command += ["--seed", str(seed), "--grown", str(directory / kind)]
        with (directory / f"{kind}.log").open("wb") as log:
            running[kind] = subprocess.Popen(  # noqa: S603  our own program
                command, cwd=ROOT, stdout=log, stderr=log
            )
    try:
        for process in running.values():
            process.wait(seconds + STARTING_SECONDS)
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    return {kind: (directory / f"{kind}.log").read_text("utf-8", "replace") for kind in running}


if __name__ == "__main__":
    sys.exit(main())
