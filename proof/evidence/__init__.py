"""What the long proofs measured: kept as records, of which docs/evidence.md is made.

A record is one run: its command, its figures, the commit and the versions that it ran with, and
what it did not look at. A later run takes the place of the one before.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT: Final = Path(__file__).parents[2]
RECORDS: Final = ROOT / "docs" / "evidence"

Figure = int | float | str
"""What a figure may be."""


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that have two dimensions."""

    head: Sequence[str]
    rows: Sequence[Sequence[Figure]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One run of a long proof."""

    name: str
    command: str
    commit: str
    """`+` behind it: files were changed since."""
    date: str
    versions: Mapping[str, str]
    figures: Mapping[str, Figure]
    table: Table | None = None
    untested: Sequence[str] = field(default=())


def keep(
    name: str,
    *,
    command: str,
    figures: Mapping[str, Figure],
    table: Table | None = None,
    untested: Sequence[str] = (),
) -> Path:
    """Write a run down in place of the one before; `name` is the proof's, `speed` for instance."""
    record = Record(
        name=name,
        command=command,
        commit=commit(),
        date=datetime.now(UTC).date().isoformat(),
        versions=_versions(),
        figures=figures,
        table=table,
        untested=untested,
    )
    RECORDS.mkdir(exist_ok=True)
    path = RECORDS / f"{name}.json"
    path.write_text(json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return path


def kept(name: str) -> Record | None:
    """Read a proof's record; None: no run of it was kept."""
    path = RECORDS / f"{name}.json"
    if not path.exists():
        return None
    values = json.loads(path.read_text("utf-8"))
    table = values.pop("table")
    return Record(**values, table=None if table is None else Table(**table))


def commit() -> str:
    """Name the commit that runs here; `+` behind it: files were changed since.

    In a copy that is no checkout it is unknown.
    """
    head = _git("rev-parse", "--short", "HEAD").strip()
    if not head:
        return "unknown"
    changed = _git("status", "--porcelain", "--", ".", ":!docs/evidence", ":!docs/evidence.md")
    return f"{head}+" if changed else head


def _git(*arguments: str) -> str:
    return subprocess.run(  # noqa: S603  of our own words
        ["git", "-C", str(ROOT), *arguments],  # noqa: S607  the machine's own git
        capture_output=True,
        check=False,
        text=True,
    ).stdout


def _versions() -> dict[str, str]:
    return {
        "Python": platform.python_version(),
        "SQLite": sqlite3.sqlite_version,
        "kernel": f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}",
        "cores": str(os.cpu_count()),
    }
