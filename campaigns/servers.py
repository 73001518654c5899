"""A campaign's own database server: killed, restarted, and bereft of its connections on purpose."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit, urlunsplit

from campaigns.relay import Relay
from tests.servers.administrators import ADMINISTRATORS
from tests.servers.running import OwnServer

if TYPE_CHECKING:
    from tests.servers.kinds import Kind


class Server:
    """A server behind a relay; `url` is what the processes are given, and stays the same."""

    def __init__(self, kind: Kind, directory: str) -> None:
        """Prepare; its data are kept in a fresh directory in `directory`."""
        self._own = OwnServer(kind, directory)
        self._administrator = ADMINISTRATORS[kind.name](self._own.url)
        self.restarts = 0
        self.terminated = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._own)
            relay = Relay(self._own.port, self._administrator.terminate)
            self.relay = stack.enter_context(relay)
            self._database = self._administrator.empty_database()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Return the journal's URL, by way of the relay."""
        parts = urlsplit(self._database)
        place = parts.netloc.rsplit(":", 1)[0]
        return urlunsplit(parts._replace(netloc=f"{place}:{self.relay.port}"))

    def kill(self) -> None:
        """Kill the server with all its processes."""
        self._own.kill()

    def start(self) -> None:
        """Start it again."""
        self._own.start()
        self.restarts += 1

    def terminate_all(self) -> None:
        """Terminate every connection of ours."""
        self.terminated += self._administrator.terminate_all()
