"""A disk that can be filled up: a file system of its own, in memory."""

from __future__ import annotations

import errno
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.missing import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

CHUNK_BYTES: Final = 65_536


class SmallDisk:
    """A file system, and what fills it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._ballast = home / "ballast"

    def begin(self) -> None:
        """Leave no room."""
        with self._ballast.open("ab", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(CHUNK_BYTES))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def end(self) -> None:
        """Make room again."""
        self._ballast.unlink()


@contextmanager
def small_disk(megabytes: int) -> Iterator[SmallDisk]:
    """Mount one where a server's own user may go; without the right to, the test is skipped."""
    with tempfile.TemporaryDirectory(prefix="netcancel-disk-") as made:
        home = Path(made)
        home.chmod(0o755)
        options = ["-t", "tmpfs", "-o", f"size={megabytes}m,mode=755"]
        try:
            subprocess.run(["/bin/mount", *options, "tmpfs", home], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            missing("the right to mount a file system")
        try:
            yield SmallDisk(home)
        finally:
            subprocess.run(["/bin/umount", "--lazy", home], check=True)
