"""A standby of PostgreSQL that has every commit before it is told, and takes over when told to."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tests.servers.kinds import Postgres
from tests.servers.running import OwnServer

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class StandbyOf(Postgres):
    """PostgreSQL that begins as a copy of a primary, and follows it."""

    primary: str
    name: ClassVar = "standby of postgres"

    def make(self, home: Path) -> list[list[str | Path]]:
        """Copy the primary's data, with what it takes to follow it."""
        backup: list[str | Path] = [self.programs / "pg_basebackup", "-D", home / "data"]
        return [[*backup, "-d", self.primary, "-R", "--checkpoint=fast", "--no-sync"]]


class Pair:
    """A primary and its synchronous standby; gone when the `with` block is left."""

    def __init__(self, kind: Postgres) -> None:
        self._kind = kind

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.primary = stack.enter_context(OwnServer(self._kind))
            following = StandbyOf(self._kind.programs, self.primary.url)
            self.standby = stack.enter_context(OwnServer(following))
            with psycopg.connect(self.primary.url, autocommit=True) as administrator:
                administrator.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                administrator.execute("SELECT pg_reload_conf()")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """Return the URL of both: whichever can be written is used."""
        parts = urlsplit(self.primary.url)
        user, _, host = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{user}@{host},127.0.0.1:{self.standby.port}"))

    def begin(self) -> None:
        """Lose the primary, for good."""
        self.primary.kill()

    def end(self) -> None:
        """Have the standby take over."""
        with psycopg.connect(self.standby.url, autocommit=True) as administrator:
            administrator.execute("SELECT pg_promote()")
