"""This host's copy of a journal's mark: one small file for each journal, in the state directory.

Several processes of the host write it; a lock lets one at a time decide, and what is older never
takes the place of what is newer. The file is replaced whole: nobody ever reads half of it.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from netcancel.journal.life import Finding, Mark, Presence, judge
from netcancel.journal.master_key import private_directory, state_directory, sync_directory

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

NAME_CHARACTERS: Final = 16
"""Of the digest of a journal's place: enough that no two journals of a host have the same."""

FILE_BYTES_MAX: Final = 1024

PATIENCE_SECONDS: Final = 1.0
"""How long the copy's lock is waited for: a process that holds it may be stopped, and recovery must
not stop with it."""

LOOK_SECONDS: Final = 0.005
"""How often the lock is tried meanwhile."""


class HostCopy:
    """What this host last saw of a journal."""

    def __init__(self, place: str, *, patience_seconds: float = PATIENCE_SECONDS) -> None:
        """`place`: what names the same journal in all processes of this host."""
        self._patience_seconds = patience_seconds
        name = hashlib.sha256(place.encode()).hexdigest()[:NAME_CHARACTERS]
        self.path: Path = state_directory() / f"journal-{name}.mark"

    def read(self) -> Mark | None:
        """Return the copy; None: there is none that can be read."""
        try:
            with self.path.open("rb") as file:
                found = json.loads(file.read(FILE_BYTES_MAX))
            return Mark(str(found["id"]), int(found["count"]))
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def keep(self, presence: Presence) -> None:
        """Keep the mark of a journal that isn't behind this copy.

        Raises `OSError`, also where another process keeps the lock for too long.
        """
        private_directory(self.path.parent)
        with self._alone():
            if may_take_the_place(presence, self.read()):
                self._replace(presence.mark)

    @contextmanager
    def _alone(self) -> Generator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path.with_suffix(".lock"), flags, 0o600)
        try:
            self._lock(descriptor)
            yield
        finally:
            # Said, not only closed: a child that was forked meanwhile has this descriptor too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        give_up_at = time.monotonic() + self._patience_seconds
        while True:
            try:
                return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= give_up_at:
                    raise
            time.sleep(LOOK_SECONDS)

    def _replace(self, mark: Mark) -> None:
        draft = self.path.with_suffix(".draft")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        with contextlib.suppress(FileNotFoundError):
            draft.unlink()  # of a process that died here: its mode may be any
        with os.fdopen(os.open(draft, flags, 0o600), "wb") as file:
            file.write(json.dumps(asdict(mark)).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)
        sync_directory(self.path.parent)


def may_take_the_place(presence: Presence, copy: Mark | None) -> bool:
    """Whether a journal's mark is newer than a copy: another process may have been faster."""
    if copy is not None and copy.id == presence.mark.id:
        return copy.count < presence.mark.count
    return judge(copy, presence) is not Finding.BEHIND
