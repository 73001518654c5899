"""Directories that need no disk, for proofs in which no power is to fail."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

MEMORY: Final = Path("/dev/shm")  # noqa: S108  what is made in it has a random name


def in_memory(what: str) -> tempfile.TemporaryDirectory[str]:
    """Make a directory whose files are on no disk, where the machine has such a place."""
    memory = MEMORY if MEMORY.is_dir() else None
    return tempfile.TemporaryDirectory(prefix=f"netcancel-{what}-", dir=memory)
