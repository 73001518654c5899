"""What a broken twin is: edits of the source, and what must fail because of them."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


class Room(StrEnum):
    """Where in the project a twin is broken."""

    CORE = "core"
    JOURNAL = "journal"
    FREEZING = "freezing"
    VERDICT = "verdict"
    WIRE = "wire"


class Kind(StrEnum):
    """What a killer is."""

    TEST = "test"
    END_TO_END = "end-to-end"
    """A test with real processes, sockets or a kernel's help."""
    SIMULATION = "simulation"
    EXPLORATION = "exploration"
    CAMPAIGN = "campaign"
    DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Way:
    """How killers of a kind are run: as a module that ends with 1 where it finds something."""

    module: tuple[str, ...]
    finding: re.Pattern[str]
    """The line that says so, with what was found in its group.

    A run that ends with 1 and says nothing of the kind has stumbled over something else.
    """


PYTEST: Final = Way(
    ("pytest", "-x", "-q", "-p", "no:cacheprovider"),
    # Not ERROR, which is a fixture's, nor what is only too slow.
    re.compile(r"^FAILED [^\s\[]+(?:\[.*\])? - (?!Failed: Timeout)(.+)", re.MULTILINE),
)
WAYS: Final = {
    Kind.TEST: PYTEST,
    Kind.END_TO_END: PYTEST,
    Kind.SIMULATION: Way(
        ("proof.simulation",), re.compile(r"^seed \d+: ((?:I\d|IllegalMove).+)", re.MULTILINE)
    ),
    Kind.EXPLORATION: Way(("proof.exploration",), re.compile(r"^  BROKEN: (.+)", re.MULTILINE)),
    Kind.CAMPAIGN: Way(("campaigns.kills",), re.compile(r"^broken (.+)", re.MULTILINE)),
    Kind.DEMO: Way(("netcancel.cli", "demo"), re.compile(r"^(The books do NOT .+)", re.MULTILINE)),
}


@dataclass(frozen=True, slots=True)
class Killer:
    """Something that passes on the project and must fail on a twin."""

    kind: Kind
    words: tuple[str, ...]
    """A test's name, or the options of a command."""

    @property
    def command(self) -> list[str]:
        """What is run."""
        return [sys.executable, "-m", *WAYS[self.kind].module, *self.words]

    def finding(self, said: str) -> str | None:
        """Return what a run says that it found, in a line; None: nothing of its kind."""
        found = WAYS[self.kind].finding.search(said)
        return found and found[1]

    def __str__(self) -> str:
        if WAYS[self.kind] is PYTEST:
            return self.words[0].partition("::")[2]
        return " ".join((self.kind, *self.words))


def by_test(file: str, name: str) -> Killer:
    """Name a test of a file below tests/."""
    return Killer(Kind.TEST, (f"tests/{file}.py::{name}",))


def by_the_whole(file: str, name: str) -> Killer:
    """Name an end-to-end test likewise."""
    return Killer(Kind.END_TO_END, (f"tests/{file}.py::{name}",))


def by(kind: Kind, options: str) -> Killer:
    """Name a run of another kind, with its options as they are written on a command line."""
    return Killer(kind, tuple(options.split()))


def by_exploring(world: str, journal: str = "memory") -> Killer:
    """Name a world in which the exploration finds a way to a broken promise, within seconds."""
    of = "" if journal == "memory" else f" --journal {journal}"
    return by(Kind.EXPLORATION, f"--world {world}{of}")


SECONDS_OF_CAMPAIGN: Final = by(
    Kind.CAMPAIGN, "--journal sqlite --duration 6 --seed 1 --directory ."
)
"""Real shops, workers and a gateway that loses answers, killed and paused."""

SECONDS_WITHOUT_A_LINK: Final = by(
    Kind.CAMPAIGN, "--journal sqlite --own-network --duration 1 --seed 3 --directory ."
)
"""Likewise, in a network of its own: its link goes down, and nobody is killed or paused."""

SEEDS: Final = {"tokens": 600, "full": 40, "postgres": 10, "mariadb": 10}
"""How many are tried at each level of the simulation, always the same; the first that breaks a
promise ends it."""


def by_simulating(level: str = "tokens") -> Killer:
    """Name a simulation in which a promise breaks."""
    return by(Kind.SIMULATION, f"--level {level} --hunt {SEEDS[level]} --workers 1")


def read_killer(text: str) -> Killer:
    """Read a kind and its options; raise ValueError for an unknown kind."""
    kind, _, options = text.partition(" ")
    return by(Kind(kind), options)


@dataclass(frozen=True, slots=True)
class Edit:
    """A change of one file: a text that stands in it once, and what takes its place."""

    file: str
    """Below src/netcancel."""
    before: str
    after: str


_MODELS: Final = frozenset({Kind.SIMULATION, Kind.EXPLORATION})
_PROCESSES: Final = frozenset({Kind.CAMPAIGN})
ENGINES: Final = {
    Room.CORE: _MODELS,
    Room.JOURNAL: _MODELS,
    Room.VERDICT: _PROCESSES,
    Room.WIRE: _PROCESSES,
}
"""What must notice the twins of a room, besides a test: one of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The project with one mistake in it."""

    name: str
    mistake: str
    """In the words of docs/protocol.md."""
    breaks: str
    """What goes wrong with it, in one sentence."""
    room: Room
    edits: Sequence[Edit]
    """More than one where another rule stands behind the one that is taken out."""
    killers: Sequence[Killer]


class Stale(Exception):
    """An edit that doesn't fit the source any more."""


def broken_files(root: Path, edits: Sequence[Edit]) -> dict[Path, str]:
    """Return the files below `root` that edits change, and what they become; may raise `Stale`."""
    texts: dict[Path, str] = {}
    for edit in edits:
        path = root / "src" / "netcancel" / edit.file
        text = texts.get(path) or path.read_text("utf-8")
        times = text.count(edit.before)
        if times != 1:
            raise Stale(f"{edit.file} has the text to be replaced {times} times: {edit.before!r}")
        texts[path] = text.replace(edit.before, edit.after)
    return texts
