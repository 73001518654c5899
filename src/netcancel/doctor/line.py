"""What a check says: one line for each thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How grave it is."""

    OK = "OK"
    WARN = "warn"
    """Look at it: it costs money or sleep later, or it can't be told."""
    FAIL = "fail"
    """Change it: payments fail, or what the journal promises doesn't hold."""


@dataclass(frozen=True, slots=True)
class Line:
    """What was found, and what to do; never a token, a secret or a card number."""

    check: str
    level: Level
    found: str
    advice: str = ""
    """Empty where nothing is to do, or where `found` says it already."""


def ok(check: str, found: str) -> Line:
    """Say that something is as it should be."""
    return Line(check, Level.OK, found)


def warn(check: str, found: str, advice: str) -> Line:
    """Say that somebody should look at something."""
    return Line(check, Level.WARN, found, advice)


def fail(check: str, found: str, advice: str = "") -> Line:
    """Say that something must be changed."""
    return Line(check, Level.FAIL, found, advice)
