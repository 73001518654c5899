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
            set_standby(self.primary.url, "*")
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


def set_standby(url: str, name: str) -> None:
    """Have commits wait for a standby of a name, and return when they do.

    Not a session's own setting decides, but what the checkpointer has made of it: it has heard of
    it when it answers, once a new session shows that all were told.
    """
    with psycopg.connect(url, autocommit=True) as administrator:
        administrator.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'".encode())
        administrator.execute("SELECT pg_reload_conf()")
        while _standby_of_new_sessions(url) != name:
            administrator.execute("SELECT pg_sleep(0.01)")
        administrator.execute("CHECKPOINT")


def _standby_of_new_sessions(url: str) -> str:
    with psycopg.connect(url, autocommit=True) as session:
        row = session.execute("SHOW synchronous_standby_names").fetchone()
    return str(row[0]) if row else ""
