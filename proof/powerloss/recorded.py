"""What is known of a life: what was asked of the disk, and what was said of it meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from proof.powerloss.disk import Operation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from proof.powerloss.modes import Mode


@dataclass(frozen=True, slots=True)
class Settled:
    """No transaction is open: all that was committed is said to be durable."""


@dataclass(frozen=True, slots=True)
class Told:
    """Futures were done: this is what callers were promised, by its subject."""

    promises: Mapping[str, str]


Entry = Operation | Settled | Told


@dataclass(frozen=True, slots=True)
class Recording:
    """A life from its first operation to its last."""

    life: str
    mode: Mode
    entries: Sequence[Entry]
    first: int = 0
    """The entry with which it began: those before it say how the disk was found."""

    @property
    def cuts(self) -> list[int]:
        """Where the power may fail: behind each operation."""
        entries = enumerate(self.entries)
        return [at for at, each in entries if isinstance(each, Operation) and at >= self.first]

    @property
    def is_of_old(self) -> bool:
        """Whether it began with an older release's journal."""
        return self.first > 0

    @property
    def made_at(self) -> int:
        """Where the journal was first said to be there."""
        return next(at for at, entry in enumerate(self.entries) if isinstance(entry, Told))
