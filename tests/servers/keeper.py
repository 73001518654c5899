"""Keeps one database server for a run of the tests, until the last who uses it has gone.

Each user holds a lock on a file, together with the others. The keeper, a process of its own, waits
until it can have that lock alone: then nobody uses the server any more, however they ended.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.servers.kinds import found
from tests.servers.running import free_port, make, run

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT: Final = Path(__file__).parents[2]
LOG_CHARACTERS: Final = 2000


MEMORY: Final = Path("/dev/shm")  # noqa: S108  a directory in it is made for us alone
MEMORY_BYTES: Final = 1 << 30
"""Data are in memory only where so much is free: tests make and drop very many tables."""


@contextmanager
def used(name: str, folder: Path, *, in_memory: bool = False) -> Iterator[str]:
    """Start the server of a name, unless it runs for this folder already, and return its URL.

    `in_memory`: its data are on no disk, where there is room, so that its syncs take no time.
    """
    address = folder / f"{name}.address"
    with (folder / f"{name}.start").open("w") as start, (folder / f"{name}.users").open("w") as use:
        fcntl.flock(start, fcntl.LOCK_EX)
        fcntl.flock(use, fcntl.LOCK_SH)  # waits for a keeper that is just ending
        if not address.exists():
            place = MEMORY if in_memory and _has_room(MEMORY) else Path(tempfile.gettempdir())
            _start_keeper(name, folder, place)
        fcntl.flock(start, fcntl.LOCK_UN)
        yield address.read_text()


def _has_room(place: Path) -> bool:
    return place.is_dir() and shutil.disk_usage(place).free >= MEMORY_BYTES


def _start_keeper(name: str, folder: Path, place: Path) -> None:
    log = folder / f"{name}.log"
    command: list[str | Path] = [sys.executable, "-m", "tests.servers.keeper"]
    command += [name, folder, place]
    with log.open("w") as output:
        started = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            check=False,
        )
    if started.returncode != 0:
        raise RuntimeError(f"{name} did not start:\n{log.read_text()[-LOG_CHARACTERS:]}")


def main(name: str, folder: Path, place: Path) -> int:
    """Leave a child behind that keeps the server; return, 0 where it is up."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        keep(name, folder, place, writing)
        os._exit(0)
    os.close(writing)
    return 0 if os.read(reading, 1) else 1


def keep(name: str, folder: Path, place: Path, told: int) -> None:
    """Run a server until nobody uses it, and say by a byte when it is up."""
    kind = found(name)
    if kind is None:
        raise SystemExit("its programs are not on this machine")
    home = Path(tempfile.mkdtemp(prefix=f"netcancel-{name}-", dir=place))
    address = folder / f"{name}.address"
    try:
        make(kind, home)
        port = free_port()
        process = run(kind, home, port)
        address.write_text(kind.url(port))
        os.write(told, b"!")
        with (folder / f"{name}.users").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)
            address.unlink()
            process.send_signal(kind.end)
            process.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])))
