"""A disk that fails: it is full, or an operation ends in an I/O error, once or for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import apsw

VFS: Final = "failing"

ERRORS: Final = {
    "full": {"write": apsw.SQLITE_FULL, "truncate": apsw.SQLITE_FULL, "sync": apsw.SQLITE_FULL},
    "broken": {
        "write": apsw.SQLITE_IOERR_WRITE,
        "truncate": apsw.SQLITE_IOERR_TRUNCATE,
        "sync": apsw.SQLITE_IOERR_FSYNC,
    },
}
"""What SQLite is told of each operation, by what is wrong with the disk."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a disk, from which operation on, and for how many."""

    trouble: str
    at: int
    lasts: int


class FailingDisk(apsw.VFS):  # type: ignore[misc]  # apsw is not installed where this is checked
    """SQLite's file system for this machine, with a fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(VFS, "")
        self.fault = fault
        self._asked = 0

    @property
    def has_failed(self) -> bool:
        """Whether the fault was met; else all there is to do was done before it."""
        return self._asked >= self.fault.at

    def attempt(self, what: str) -> None:
        """Fail, if it is time to."""
        self._asked += 1
        if 0 <= self._asked - self.fault.at < self.fault.lasts:
            raise apsw.exception_for(ERRORS[self.fault.trouble][what])

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: ANN401, N802  apsw's names
        """Open a file."""
        return _File(self, name, flags)


class _File(apsw.VFSFile):  # type: ignore[misc]  # likewise
    def __init__(self, disk: FailingDisk, name: Any, flags: list[int]) -> None:  # noqa: ANN401
        super().__init__("", name, flags)
        self._disk = disk

    def xWrite(self, content: bytes, offset: int) -> None:  # noqa: N802
        self._disk.attempt("write")
        super().xWrite(content, offset)

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk.attempt("truncate")
        super().xTruncate(size)

    def xSync(self, flags: int) -> None:  # noqa: N802
        self._disk.attempt("sync")
        super().xSync(flags)
