"""A journal and a settlement file of any size; `python -m tests.reconcile.many 1000000` measures.

The rows are copies of one payment that a journal wrote, made by SQL.
"""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Final

from netcancel.core.lifecycle import State
from tests.journal.samples import KEY, open_file
from tests.reconcile.samples import DAY, TID, plant

RSS_MIB_MAX: Final = 200

RUN: Final = """
import pathlib, re, sys
from netcancel.cli import main
code = main(sys.argv[1:])
status = pathlib.Path("/proc/self/status").read_text(encoding="ascii")
print(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1], file=sys.stderr)
sys.exit(code)
"""
"""The command, and then its peak memory in KiB on the standard error.

Not `getrusage`: its peak begins with the memory of the process that was forked.
"""

COPY: Final = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < :count)
INSERT INTO payment ({columns})
SELECT {values} FROM payment, counted WHERE payment.merc_trx_no = :model
"""


def fill(path: Path, count: int) -> None:
    """Make a journal of so many approved payments and one more, each copied from that one."""
    with closing(open_file(path)) as journal:
        plant(journal, "MODEL", State.APPROVED)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(payment)")]
        others = [column for column in columns if column not in ("seq", "id", "merc_trx_no")]
        names = ", ".join(["id", "merc_trx_no", *others])
        # In an order of its own: a shop's numbers needn't ascend.
        values = ", ".join(["'copy-' || n", "printf('%012d', n * 7919 % 1000003)", *others])
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute(
            COPY.format(columns=names, values=values), {"count": count, "model": "MODEL"}
        )


def write_file(path: Path, count: int) -> None:
    """Write a settlement file that charges all payments of `fill` but one, and one that isn't."""
    numbers = [f"{n * 7919 % 1000003:012d}" for n in range(1, count)] + ["MODEL", "UNKNOWN"]
    random.Random(1).shuffle(numbers)
    with path.open("w", encoding="ascii") as file:
        file.write("tid,mercTrxNo,trxAmt,tranDt,aprvNo\n")
        file.writelines(f"{TID},{number},10000,{DAY},12345678\n" for number in numbers)


def run(directory: Path, *options: str) -> tuple[subprocess.CompletedProcess[str], float]:
    """Compare file.csv with payments.db in a process; return it and its peak memory in MiB."""
    arguments = ["reconcile", "file.csv", "--journal", "sqlite:///payments.db", *options]
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=directory,
        env=dict(os.environ) | {"NETCANCEL_VAULT_KEY": KEY},
    )
    return done, int(done.stderr.split()[-1]) / 1024


def main() -> None:
    """Measure by hand."""
    count = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        began = time.monotonic()
        fill(directory / "payments.db", count)
        write_file(directory / "file.csv", count)
        print(f"made in {time.monotonic() - began:.0f} s")  # noqa: T201  it is what it is for
        began = time.monotonic()
        done, peak = run(directory)
        print(done.stdout, done.stderr)  # noqa: T201  likewise
        print(f"{count} in {time.monotonic() - began:.1f} s, peak {peak:.0f} MiB")  # noqa: T201  likewise


if __name__ == "__main__":
    main()
