"""The pages of the documentation, as the tests of this directory read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
README: Final = ROOT / "README.md"
PAGES: Final = (README, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"`([^`\n]+)`")
_COMMAND = re.compile(r"(?:^|[\s/])netcancel ([a-z][^#\n]*)", re.MULTILINE)


class Fence(NamedTuple):
    """A block of code with the language that it says to be in."""

    language: str
    text: str


def name_of(page: Path) -> str:
    """Return a page's name as one reads it in a failure."""
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    """Return a page as it is written."""
    return page.read_text(encoding="utf-8")


def fences_of(page: Path, language: str) -> list[str]:
    """Return a page's blocks of code in a language."""
    fences = [Fence(*found) for found in _FENCE.findall(text_of(page))]
    return [fence.text for fence in fences if fence.language == language]


def prose_of(page: Path) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", text_of(page))


def commands_in(page: Path) -> list[str]:
    """Return what stands after `netcancel` in a page's commands, in the prose or in a block."""
    places = [*_SPAN.findall(prose_of(page)), *fences_of(page, "sh"), *fences_of(page, "ini")]
    return [found.strip() for place in places for found in _COMMAND.findall(place)]


def rows_of(page: Path, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without the table's head."""
    below = text_of(page).split(f"\n## {heading}\n", maxsplit=1)[1]
    lines = [line for line in below.split("\n## ", maxsplit=1)[0].splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
