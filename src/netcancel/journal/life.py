"""A journal's life: who recovers it, and whether it is the journal that this host knew.

A journal that is restored from a backup has forgotten what happened since: payments that were
`approving` then may be approved and shipped, and recovery would void them. So the journal counts
each time that a worker checks in, and every host keeps a copy of the count. A count behind the copy
is a journal that went back in time; then recovery is held until a person says how to go on. That
begins a new life, which names those that it replaces.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ID_BYTES: Final = 8
"""Of chance in a life's id."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Which life of a journal, and how often somebody has checked in during it."""

    id: str
    count: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Recovery claims nothing until a person releases this."""

    reason: str
    held_at: int


@dataclass(frozen=True, slots=True)
class Worker:
    """Who recovers: a process of `netcancel worker`, or a guard with a thread of its own."""

    id: str
    host: str
    started_at: int
    seen_at: int


@dataclass(frozen=True, slots=True)
class Presence:
    """What a journal says to a worker that checks in."""

    workers: int
    """How many are alive, itself included."""
    found: Mark
    """The mark as it was found."""
    mark: Mark
    """The mark as it was left: one further."""
    replaced: frozenset[str]
    """Lives that the present one replaces, because a person said so."""
    is_empty: bool
    """Whether there is no payment that could be voided."""
    hold: Hold | None
    """The one that stands now; whoever finds that the journal has gone back has placed one."""

    @property
    def was_seen(self) -> bool:
        """Whether anybody checked in before, or may have: only a new journal begins at nothing."""
        return self.found.count > 0 or bool(self.replaced)


class Finding(Enum):
    """What a host's copy of the mark says of a journal."""

    KNOWN = "it goes on from where this host saw it"
    NEW = "it has nothing to lose, nobody knew it before, or a person has released it"
    UNSEEN = "this host has never seen it, or only another one in its place"
    BEHIND = "it has gone back in time, or another one has taken its place"


def new_id() -> str:
    """Draw the id of a life that may begin."""
    return secrets.token_hex(ID_BYTES)


def judge(copy: Mark | None, presence: Presence) -> Finding:
    """Compare what a host remembered before it checked in with what it found."""
    if presence.is_empty:
        return Finding.NEW
    if copy is None:
        return Finding.UNSEEN if presence.was_seen else Finding.NEW
    if copy.id in presence.replaced:
        return Finding.NEW
    if copy.id == presence.found.id:
        return Finding.BEHIND if copy.count > presence.found.count else Finding.KNOWN
    # One that was just begun in the place of another has no past that could have been forgotten.
    return Finding.BEHIND if presence.was_seen else Finding.UNSEEN


def has_gone_back(presence: Presence, remembered: Iterable[Mark | None]) -> bool:
    """Whether a journal is behind any mark that a worker or its host remembers."""
    return any(judge(mark, presence) is Finding.BEHIND for mark in remembered)


def went_back(host: str) -> str:
    """Return the reason for which a journal is held that is behind what a host remembers."""
    return f"the journal is behind what {host} saw of it: was it restored?"


def is_behind(lives: Sequence[Mark], seen: Mark | None) -> bool:
    """Whether a journal of these lives, the last one present, was further when it was seen."""
    if seen is None or any(life.id == seen.id for life in lives[:-1]):
        return False
    return not lives or lives[-1].id != seen.id or lives[-1].count < seen.count
