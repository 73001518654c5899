"""A network of the campaign's own, and its link, which goes down on purpose. Linux, as root.

A link that is down swallows nothing: what a process has sent stays in its kernel, which sends it
again at growing intervals, and so also after the link is back.
"""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, NoReturn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ALONE: Final = ("unshare", "--net")
PROGRAMS: Final = (ALONE[0], "ip")
LEFT: Final = "CAMPAIGN_LEFT_NETWORK"
"""The environment's variable that names the network which was left for one of our own."""

CONNECTIONS: Final = Path("/proc/net/tcp")
"""The kernel's, of the network of the process that reads it, over IPv4."""


def missing_here() -> str | None:
    """Say what a network of one's own lacks here; None: nothing."""
    if os.geteuid() != 0:
        return "root, for a network of one's own"
    lacking = [program for program in PROGRAMS if shutil.which(program) is None]
    if lacking:
        return f"{' and '.join(lacking)}, for a network of one's own"
    if subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode:  # noqa: S603  our own words
        return "the right to make a network namespace"
    return None


def is_own() -> bool:
    """Whether this process has left its first network."""
    return os.environ.get(LEFT, _here()) != _here()


def leave_for_own(module: str, words: Sequence[str]) -> NoReturn:
    """Start again as a module with arguments, in a network where nobody else is."""
    command = [*ALONE, sys.executable, "-m", module, *words]
    environ: Mapping[str, str] = os.environ | {LEFT: _here()}
    os.execvpe(command[0], command, environ)  # noqa: S606  our own program


def _here() -> str:
    return Path("/proc/self/ns/net").readlink().name


def set_link(state: str) -> None:
    """Take this network's loopback `up` or `down`."""
    subprocess.run(["ip", "link", "set", "lo", state], check=True)  # noqa: S603, S607  wherever ip is


class Connection(NamedTuple):
    """A row of the kernel's table; it may outlive the process that made it."""

    port: int
    """The other side's."""
    is_established: bool
    queued: int
    """Bytes that were sent and not acknowledged: they may yet arrive."""


def read_connections(table: str) -> list[Connection]:
    """Read the kernel's table."""
    rows = [line.split() for line in table.splitlines()[1:]]
    return [
        Connection(int(there.rpartition(":")[2], 16), state == "01", int(queues[:8], 16))
        for _, _, there, state, queues, *_ in rows
    ]


def connections_to(port: int) -> list[Connection]:
    """List those of our network."""
    connections = read_connections(CONNECTIONS.read_text("ascii"))
    return [connection for connection in connections if connection.port == port]


def held_by_the_kernel(port: int) -> int:
    """Count our network's connections to a port that may still send something."""
    return sum(connection.queued > 0 for connection in connections_to(port))


class Link:
    """The loopback of our own network: down at first, as a new network's is."""

    def __init__(self) -> None:
        """Bring it up; raises RuntimeError in a network that isn't ours alone."""
        if not is_own():
            raise RuntimeError("this network's link is others' too")
        set_link("up")
        self.is_up = True
        self._comes_back_at = math.inf

    def take_down(self) -> None:
        """Take it down for now."""
        set_link("down")
        self.is_up = False

    def come_back(self, seconds: float) -> None:
        """Let it come back in so many seconds."""
        self._comes_back_at = time.monotonic() + seconds

    def tend(self) -> None:
        """Bring it up when its time has come."""
        if time.monotonic() >= self._comes_back_at:
            set_link("up")
            self.is_up = True
            self._comes_back_at = math.inf
