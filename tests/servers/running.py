"""Makes a server's data, and runs it; what starts it decides when it ends."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from typing import IO, TYPE_CHECKING, Final

from tests.servers.kinds import unprivileged

if TYPE_CHECKING:
    from pathlib import Path

    from tests.servers.kinds import Kind

START_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05


class DidNotStart(Exception):
    """A server ended, or was not up in time."""


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
