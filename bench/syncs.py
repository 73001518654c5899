"""How many syncs of the disk one commit of the journal costs, counted by strace where it is."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from bench import processes

if TYPE_CHECKING:
    from pathlib import Path

PAYMENTS: Final = 40
IN_FLIGHT: Final = 4


def per_commit(base_url: str, directory: Path) -> float | None:
    """Return the calls of fsync and fdatasync per commit; None without strace."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    traced = directory / "traced"
    trace = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none"]
    journal = f"sqlite:///{directory}/of-traced.db"
    with processes.payer("AsyncGuard", base_url, journal, *trace, "-o", str(traced)) as payer:
        payer.pay(IN_FLIGHT, PAYMENTS)
        before = _syncs(traced)
        commits: int = payer.pay(IN_FLIGHT, PAYMENTS)["commits"]
        return (_syncs(traced) - before) / commits


def _syncs(traced: Path) -> int:
    text = traced.read_text(encoding="utf-8", errors="replace")
    return sum("resumed>" not in line for line in text.splitlines())
