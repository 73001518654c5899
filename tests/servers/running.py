"""Makes a server's data, and runs it; what starts it decides when it ends."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Self

from tests.servers.kinds import unprivileged

if TYPE_CHECKING:
    from tests.servers.kinds import Kind

START_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05
AGAIN_SECONDS: Final = 0.1


class DidNotStart(Exception):
    """A server ended, or was not up in time."""


class OwnServer:
    """A server that whoever starts it may kill; it is gone when the `with` block is left."""

    def __init__(self, kind: Kind, directory: str | None = None) -> None:
        """Prepare; its data are kept in a fresh directory below `directory`, None: any."""
        self.kind = kind
        self._directory = directory
        self.port = free_port()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            made = tempfile.TemporaryDirectory(prefix="netcancel-server-", dir=self._directory)
            self.home = Path(stack.enter_context(made))
            self._log = stack.enter_context((self.home / "log").open("ab"))
            make(self.kind, self.home, self._log)
            self._process = run(self.kind, self.home, self.port, self._log)
            stack.callback(self.kill)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Return its URL, for somebody who may make databases."""
        return self.kind.url(self.port)

    def start(self) -> None:
        """Start it again; what was killed may not have let go of everything yet."""
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                self._process = run(self.kind, self.home, self.port, self._log)
            except DidNotStart:
                if time.monotonic() > until:
                    raise
                time.sleep(AGAIN_SECONDS)
            else:
                return

    def kill(self) -> None:
        """Kill it with all its processes, as a power cut would."""
        for pid in (self._process.pid, *_children_of(self._process)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()


def make(kind: Kind, home: Path, output: IO[bytes] | None = None) -> None:
    """Make the data of a server below `home`, and all that it needs, its user's.

    `output`: where its words go; None: where ours do.
    """
    who = unprivileged()
    commands = kind.make(home)
    if who:
        for path in (home, *home.iterdir()):
            os.chown(path, who["user"], who["group"])
    for command in commands:
        subprocess.run(
            command,
            check=True,
            cwd=home,
            env=_environment(home),
            stdout=output,
            stderr=output,
            **who,
        )


def run(
    kind: Kind, home: Path, port: int, output: IO[bytes] | None = None
) -> subprocess.Popen[bytes]:
    """Start a server on the data below `home`, and return when it is up; raises `DidNotStart`.

    `output`: as in `make`.
    """
    command, environment = kind.command(home, port), _environment(home)
    process = subprocess.Popen(
        command, cwd=home, env=environment, stdout=output, stderr=output, **unprivileged()
    )
    until = time.monotonic() + START_SECONDS
    while not kind.is_up(port):
        if process.poll() is not None or time.monotonic() > until:
            process.kill()
            process.wait()
            raise DidNotStart("the server did not come up")
        time.sleep(LOOK_SECONDS)
    return process


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "LC_ALL": "C"}


def _children_of(process: subprocess.Popen[bytes]) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    with suppress(FileNotFoundError):
        return [int(pid) for pid in listed.read_text(encoding="ascii").split()]
    return []
