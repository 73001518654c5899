"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from netcancel.journal import sqlite_file

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGES = ("netcancel", "h11", "pydantic", "httpx", "httpx2")


def facts(directory: Path) -> dict[str, str]:
    """Return the facts about this machine, and about the disk that holds `directory`."""
    mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    load = os.getloadavg()[0]
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": next(_processors(), platform.machine()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "journal mode": sqlite_file.journal_mode(sqlite3.sqlite_version_info),
        "synchronous": "FULL",
        "file system": sqlite_file.file_system_of(os.path.realpath(directory), mounts),
        "packages": ", ".join(f"{name} {version(name)}" for name in PACKAGES),
        "load before": f"{load:.1f}",
    }


def _processors() -> Iterator[str]:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            yield line.partition(":")[2].strip()
