"""Records what SQLite asks of the disk, in the order in which it asks."""

from __future__ import annotations

import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from unittest.mock import patch

import apsw

from proof.powerloss import life
from proof.powerloss.connection import Connection
from proof.powerloss.disk import Create, Delete, Sync, SyncDirectory, Truncate, Write
from proof.powerloss.examination import NAME
from proof.powerloss.recorded import Recording, Settled, Told
from tests.journal.samples import old_file

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Mapping

    from proof.powerloss.modes import Mode
    from proof.powerloss.recorded import Entry

VFS: Final = "recording"
LIVES: Final = {"life": life.live, "upgrade": life.upgrade}
"""What can be recorded, by name."""

SYNCS_ITS_DIRECTORY: Final = apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_WAL
"""SQLite's own file system syncs the directory with the first sync of one of these."""


class Recorder(apsw.VFS):  # type: ignore[misc]  # apsw is not installed where this is checked
    """SQLite's file system for this machine, which tells what is asked of it."""

    def __init__(self) -> None:
        super().__init__(VFS, "")
        self.entries: list[Entry] = []
        self.names: set[str] = set()

    def tell(self, entry: Entry) -> None:
        """Add an entry; one `Settled` behind another says nothing new."""
        if not (isinstance(entry, Settled) and self.entries and self.entries[-1] == entry):
            self.entries.append(entry)

    def settled(self) -> None:
        """Say that no transaction is open."""
        self.tell(Settled())

    def xOpen(self, name: Any, flags: list[int]) -> _File:  # noqa: ANN401, N802  apsw's names
        """Open a file."""
        return _File(self, name, flags)

    def xDelete(self, name: str, sync_directory: bool) -> None:  # noqa: FBT001, N802
        """Delete a file, as if it was never there for the next of this name."""
        super().xDelete(name, sync_directory)
        self.names.discard(Path(name).name)
        self.tell(Delete(Path(name).name))
        if sync_directory:
            self.tell(SyncDirectory())


class _File(apsw.VFSFile):  # type: ignore[misc]  # likewise
    def __init__(self, recorder: Recorder, name: Any, flags: list[int]) -> None:  # noqa: ANN401
        super().__init__("", name, flags)
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path).name
        self._recorder = recorder
        self._syncs_directory = bool(flags[0] & SYNCS_ITS_DIRECTORY)
        if self._name not in recorder.names:
            recorder.names.add(self._name)
            recorder.tell(Create(self._name))

    def xWrite(self, content: bytes, offset: int) -> None:  # noqa: N802
        super().xWrite(content, offset)
        self._recorder.tell(Write(self._name, offset, bytes(content)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._recorder.tell(Truncate(self._name, size))

    def xSync(self, flags: int) -> None:  # noqa: N802
        super().xSync(flags)
        self._recorder.tell(Sync(self._name))
        if self._syncs_directory:
            self._recorder.tell(SyncDirectory())
            self._syncs_directory = False


def record(name: str, mode: Mode, directory: Path) -> Recording:
    """Live in an empty directory, and return what was asked of the disk."""
    path = directory / NAME
    with _recorder() as recorder:
        if name == "upgrade":
            _find_old_file(recorder, path)
        first = len(recorder.entries)

        def opens(path: Path) -> sqlite3.Connection:
            return cast("sqlite3.Connection", Connection(path, mode, VFS, recorder.settled))

        def tell(promises: Mapping[str, str]) -> None:
            recorder.tell(Told(promises))

        LIVES[name](life.Teller(path, mode.journal, opens, tell))
    return Recording(name, mode, recorder.entries, first)


def _find_old_file(recorder: Recorder, path: Path) -> None:
    """Have a file of the first release, durable before anything is recorded."""
    content = old_file(path).read_bytes()
    recorder.names.add(path.name)
    recorder.entries += [
        Create(path.name),
        Write(path.name, 0, content),
        Sync(path.name),
        SyncDirectory(),
        Settled(),
        Told({}),
    ]


@contextmanager
def _recorder() -> Generator[Recorder]:
    """Record; also what is synced without SQLite, as the product does it by itself."""
    recorder = Recorder()
    fsync = os.fsync

    def recorded(descriptor: int) -> None:
        fsync(descriptor)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            recorder.tell(SyncDirectory())
        else:
            recorder.tell(Sync(Path(f"/proc/self/fd/{descriptor}").readlink().name))

    try:
        with patch.object(os, "fsync", recorded):
            yield recorder
    finally:
        recorder.unregister()
