"""What a stranger can see of a journal's file, and do to it."""

import sqlite3
from pathlib import Path
from typing import Final

MODES: Final = ["truncate", "wal"]


def run_sql(path: Path, *statements: str) -> list[tuple[object, ...]]:
    """Do to a file what a stranger could do, and return the last answer."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA ignore_check_constraints=1")
    rows = [connection.execute(statement).fetchall() for statement in statements][-1]
    connection.close()
    return rows


def bytes_of(path: Path) -> bytes:
    """Return all that is on the disk of a journal."""
    return b"".join(each.read_bytes() for each in sorted(path.parent.glob(path.name + "*")))
