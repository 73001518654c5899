"""The ways to hold a SQLite file: those that we use, and those that must be found out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FULL: Final = 2
NORMAL: Final = 1
OFF: Final = 0
WORDS: Final = {FULL: "FULL", NORMAL: "NORMAL", OFF: "OFF"}


@dataclass(frozen=True, slots=True)
class Mode:
    """A journal mode, and how much SQLite syncs."""

    journal: str
    synchronous: int
    is_ours: bool = False
    """Whether the product uses it; any other must lose something, or the proof proves nothing."""

    @property
    def name(self) -> str:
        """How it is called on the command line."""
        return f"{self.journal}+{WORDS[self.synchronous]}"


MODES: Final = (
    Mode("truncate", FULL, is_ours=True),
    Mode("wal", FULL, is_ours=True),
    Mode("delete", FULL),  # a deletion that no sync of the directory follows
    Mode("delete", NORMAL),
    Mode("delete", OFF),
    Mode("wal", NORMAL),
    Mode("wal", OFF),
)
