"""A process of the demonstration: does one part, and never outlives the process that started it.

`python -m netcancel.cli.demo_child PART [ARGUMENT ...]`; a part is `payer` or a command of the
command line. Its standard input is a pipe from its parent: where that ends, the parent is gone,
however it died.
"""

from __future__ import annotations

import os
import sys
import threading

from netcancel.cli.app import main as command_line
from netcancel.demo import payer

ORPHANED = 70
STANDARD_INPUT = 0


def _watch_parent() -> None:
    # Not sys.stdin: a thread that waits in it keeps the interpreter from ending.
    while os.read(STANDARD_INPUT, 1):
        continue
    # At once and without cleaning up: a crash is what this project is made for.
    os._exit(ORPHANED)


def main() -> int:
    """Do the part that the arguments name."""
    threading.Thread(target=_watch_parent, daemon=True).start()
    part, *arguments = sys.argv[1:]
    if part == "payer":
        payer.main(arguments)
        return 0
    return command_line([part, *arguments])


if __name__ == "__main__":
    sys.exit(main())
