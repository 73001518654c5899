"""A disk that may forget: what its files can hold when the power fails.

A write and a truncation are durable when their file is synced, and a name is when its directory is.
Until then each may survive or not, whatever becomes of those before and behind it; a write may also
survive in some of its sectors only, or leave nothing but a longer file. Stricter than what file
systems of our days do: they keep most names in order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

SECTOR: Final = 512
"""A disk writes so many bytes whole, or not at all."""


@dataclass(frozen=True, slots=True)
class Create:
    """A new, empty file has this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Write:
    """A file has these bytes at an offset."""

    name: str
    offset: int
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file has so many bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Sync:
    """What was done to a file is durable."""

    name: str


@dataclass(frozen=True, slots=True)
class Delete:
    """No file has this name any more."""

    name: str


@dataclass(frozen=True, slots=True)
class SyncDirectory:
    """Which names there are is durable."""


Forgettable = Create | Delete | Write | Truncate
Operation = Forgettable | Sync | SyncDirectory


class Fate(Enum):
    """What becomes of an operation that was not synced."""

    KEPT = "kept"
    LOST = "lost"
    GREW = "lost, but the file grew"


@dataclass(frozen=True, slots=True)
class Torn:
    """Of a write, only these of its sectors survive, counted from its first."""

    sectors: frozenset[int]


Choice = Callable[[Forgettable], Fate | Torn]
"""Decides, at a failure of the power, what becomes of each operation that was not synced."""


class _File:
    """What a name stands for: the bytes that are durable, and what was done since."""

    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Write | Truncate] = []

    def sync(self) -> None:
        for operation in self.pending:
            _apply(self.durable, operation, Fate.KEPT)
        self.pending.clear()

    def after(self, choice: Choice) -> bytes:
        content = bytearray(self.durable)
        for operation in self.pending:
            _apply(content, operation, choice(operation))
        return bytes(content)


class Disk:
    """One directory and its files."""

    def __init__(self) -> None:
        self._present: dict[str, _File] = {}
        self._durable: dict[str, _File] = {}
        self._pending: list[tuple[Create | Delete, _File]] = []

    def perform(self, operation: Operation) -> None:
        """Do what a process asks for."""
        match operation:
            case Create(name):
                self._present[name] = _File()
                self._pending.append((operation, self._present[name]))
            case Delete(name):
                self._pending.append((operation, self._present.pop(name)))
            case Sync(name):
                self._present[name].sync()
            case SyncDirectory():
                self._durable = dict(self._present)
                self._pending.clear()
            case Write() | Truncate():
                self._present[operation.name].pending.append(operation)

    def present(self) -> dict[str, bytes]:
        """Return the files as processes see them."""
        return {name: file.after(lambda _: Fate.KEPT) for name, file in self._present.items()}

    def after_power_loss(self, choice: Choice) -> dict[str, bytes]:
        """Return the files as somebody may find them if the power fails now."""
        found = dict(self._durable)
        for operation, file in self._pending:
            if choice(operation) is Fate.LOST:
                continue
            if isinstance(operation, Create):
                found[operation.name] = file
            elif found.get(operation.name) is file:
                del found[operation.name]
        return {name: file.after(choice) for name, file in sorted(found.items())}


def sectors(write: Write) -> Iterator[tuple[int, bytes]]:
    """Cut a write where the disk's sectors end; each piece with its offset."""
    begin = 0
    while begin < len(write.content):
        offset = write.offset + begin
        end = begin + SECTOR - offset % SECTOR
        yield offset, write.content[begin:end]
        begin = end


def _apply(content: bytearray, operation: Write | Truncate, fate: Fate | Torn) -> None:
    if fate is Fate.LOST:
        return
    if isinstance(operation, Truncate):
        del content[operation.size :]
        _grow(content, operation.size)
        return
    _grow(content, operation.offset + len(operation.content))
    if fate is Fate.KEPT:
        content[operation.offset : operation.offset + len(operation.content)] = operation.content
    elif isinstance(fate, Torn):
        for number, (offset, piece) in enumerate(sectors(operation)):
            if number in fate.sectors:
                content[offset : offset + len(piece)] = piece


def _grow(content: bytearray, size: int) -> None:
    content.extend(bytes(max(0, size - len(content))))
