"""An empty SQLite journal, made once for all worlds that begin with one."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Final

from netcancel.journal import sqlite_schema
from netcancel.journal.vault import Vault

VAULT: Final = Vault(bytes(range(32)))
"""What seals the tokens of every such journal."""


@cache
def empty_journal(mode: str) -> tuple[bytes, bytes]:
    """Return a new journal's file in a journal mode, and its wrapped secret."""
    with tempfile.TemporaryDirectory(prefix="netcancel-") as directory:
        path = Path(directory) / "journal.sqlite"
        secret = sqlite_schema.prepare(path, VAULT, create=True, mode=mode)
        return path.read_bytes(), secret
