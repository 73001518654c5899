"""`python -m proof.fuzzing.hostile`: guards before a gateway that answers with anything at all.

It ends by itself: after `--duration` seconds of trouble all is calm, recovery closes what is open,
and the books are compared. The seed decides every answer.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import tempfile
from pathlib import Path
from typing import Final

from proof.evidence import keep
from proof.fuzzing.hostile.campaign import Campaign

SEEDS: Final = 1_000_000
SHOWN_MAX: Final = 20


def main() -> int:
    """Read the options, run the campaign, and print; 1: there is a problem."""
    parser = argparse.ArgumentParser(prog="python -m proof.fuzzing.hostile", description=__doc__)
    parser.add_argument("--duration", type=float, default=30.0, help="seconds of trouble")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(SEEDS))
    parser.add_argument("--keep", action="store_true", help="keep the figures as evidence")
    options = parser.parse_args()
    logging.disable()  # every lost answer is told there
    with tempfile.TemporaryDirectory(dir="/var/tmp") as directory:
        os.environ["XDG_STATE_HOME"] = directory
        result = Campaign(Path(directory), options.seed).run(options.duration)
    command = f"python -m proof.fuzzing.hostile --duration {options.duration:g}"
    command += f" --seed {options.seed}"
    print(command)
    for name, value in result.figures.items():
        print(f"{value:>12,} {name}")
    for problem in result.problems[:SHOWN_MAX]:
        print(problem, file=sys.stderr)
    if options.keep:
        keep("hostile", command=command, figures=result.figures)
    return 1 if result.problems else 0


if __name__ == "__main__":
    sys.exit(main())
