"""What a SQLite journal says of itself, read back from the connection that is asked."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netcancel.journal.contract import Fact, Health
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite_file import file_system_at

if TYPE_CHECKING:
    import sqlite3

SYNCHRONOUS: Final = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}
SECURE_DELETE: Final = {0: "off", 1: "on", 2: "fast"}
DURABLE_MODES: Final = ("truncate", "wal")

_OTHER_SQLITE: Final = "this SQLite doesn't do as it is told: use another build of it"


def health(connection: sqlite3.Connection, now: int) -> Health:
    """Read back what is in force; `now` is the journal's time in microseconds."""
    path = Path(_ask(connection, "SELECT file FROM pragma_database_list WHERE name = 'main'"))
    mode = str(_ask(connection, "PRAGMA journal_mode"))
    return Health(
        now,
        (
            Fact("SQLite", _ask(connection, "SELECT sqlite_version()")),
            _schema(_ask(connection, "PRAGMA user_version")),
            Fact("journal mode", mode, _durable(mode), _OTHER_SQLITE),
            _set("synchronous", SYNCHRONOUS, _ask(connection, "PRAGMA synchronous"), "FULL"),
            _set("secure_delete", SECURE_DELETE, _ask(connection, "PRAGMA secure_delete"), "on"),
            _mode_of(path),
            Fact("file system", file_system_at(path.parent) or "unknown"),
        ),
        path.parent,
    )


def _schema(found: int) -> Fact:
    return Fact("schema", str(found), str(SCHEMA), "use the netcancel that belongs to this schema")


def _durable(mode: str) -> str:
    return mode if mode in DURABLE_MODES else " or ".join(DURABLE_MODES)


def _set(name: str, words: dict[int, str], value: int, must_be: str) -> Fact:
    return Fact(name, words.get(value, str(value)), must_be, _OTHER_SQLITE)


def _mode_of(path: Path) -> Fact:
    mode = f"{stat.S_IMODE(path.stat().st_mode):04o}"
    return Fact("file's mode", mode, "0600", f"chmod 600 {path}")


def _ask(connection: sqlite3.Connection, query: str) -> Any:  # noqa: ANN401  what SQLite says
    return connection.execute(query).fetchone()[0]
