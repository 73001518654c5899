"""A campaign's own database server: killed, restarted, and bereft of its connections on purpose."""

from __future__ import annotations

import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Final, Protocol, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

from campaigns.relay import Relay
from tests.servers.kinds import PASSWORD
from tests.servers.running import OwnServer

if TYPE_CHECKING:
    from tests.servers.kinds import Kind

AMID_SECONDS: Final = 0.5
"""How long to wait for somebody to be between a statement and its commit."""


class Sessions(Protocol):
    """The connections that a server has, as its administrator sees them."""

    def __init__(self, port: int) -> None:
        """Ask the server that listens on `port`, when there is something to ask."""

    def terminate_amid(self) -> int:
        """Terminate those that are between a statement and their commit; return how many."""

    def terminate_all(self) -> int:
        """Terminate all others; return how many."""


class PostgresSessions:
    """The backends of PostgreSQL."""

    def __init__(self, port: int) -> None:
        self._url = f"postgresql://netcancel:{PASSWORD}@127.0.0.1:{port}/postgres"

    def terminate_amid(self) -> int:
        """Terminate those that are between a statement and their commit; return how many."""
        return self._terminate("state = 'idle in transaction'", AMID_SECONDS)

    def terminate_all(self) -> int:
        """Terminate all others; return how many."""
        return self._terminate("true", 0.0)

    def _terminate(self, which: str, seconds: float) -> int:
        query = f"""SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
            WHERE application_name = 'netcancel' AND {which}"""  # noqa: S608  words of ours
        until = time.monotonic() + seconds
        with (
            suppress(psycopg.OperationalError),
            psycopg.connect(self._url, autocommit=True) as ours,
        ):
            while True:
                row = ours.execute(query.encode()).fetchone()
                if (ended := row[0] if row else 0) or time.monotonic() >= until:
                    return int(ended)
        return 0


SESSIONS: Final[dict[str, type[Sessions]]] = {"postgres": PostgresSessions}
"""By the kind's name in `tests.servers.kinds`."""


class Server:
    """A server behind a relay; `url` is what the processes are given, and stays the same."""

    def __init__(self, name: str, kind: Kind, directory: str) -> None:
        """Prepare; its data are kept in a fresh directory in `directory`."""
        self._own = OwnServer(kind, directory)
        self._sessions = SESSIONS[name](self._own.port)
        self.restarts = 0
        self.terminated_amid = 0
        self.terminated = 0

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._own)
            self.relay = stack.enter_context(Relay(self._own.port))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Return the journal's URL, by way of the relay."""
        parts = urlsplit(self._own.url)
        place = parts.netloc.rsplit(":", 1)[0]
        return urlunsplit(parts._replace(netloc=f"{place}:{self.relay.port}"))

    def kill_and_restart(self) -> None:
        """Kill the server with all its processes, and start it again."""
        self._own.kill()
        self._own.start()
        self.restarts += 1

    def terminate_amid(self) -> None:
        """Terminate connections between a statement and its commit."""
        self.terminated_amid += self._sessions.terminate_amid()

    def terminate_all(self) -> None:
        """Terminate every connection of ours."""
        self.terminated += self._sessions.terminate_all()
