"""Mutants that may survive: each with the reason why it breaks no promise, in survivors.toml."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LIST: Final = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Listed:
    """A change of a function that breaks no promise, as far as a person can say."""

    function: str
    change: str
    reason: str


def listed(path: Path = LIST) -> list[Listed]:
    """Read the list: under each reason, the functions, and under each function its changes."""
    entries = tomllib.loads(path.read_text("utf-8"))["survivor"]
    return [
        Listed(entry["function"], change, entry["reason"])
        for entry in entries
        for change in entry["changes"]
    ]
