"""A journal that somebody else keeps locked."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from netcancel.sandbox import Sandbox
    from netcancel.sandbox.gateway import Reaction, Received
    from tests.duty.shop import Shop


class Lock:
    """Holds the journal's file so that nobody else can read or write it."""

    def __init__(self, shop: Shop, *, is_held: bool = True) -> None:
        """Take the lock with the `with` block, or only when told."""
        self._path = shop.journal_path
        self._is_held = is_held
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._is_held:
            self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def take(self) -> None:
        """Keep everybody out; waits for whoever is at work."""
        self._connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=30.0
        )
        self._connection.execute("BEGIN EXCLUSIVE")

    def release(self) -> None:
        """Let everybody in."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def when_it_arrives(
    van: Sandbox, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> None:
    """Do something when the first request has arrived at the gateway, before it is worked."""
    gateway = van._world.gateway
    receive = gateway.receive

    def act_then_receive(request: Received) -> Reaction:
        if gateway.received == 0:
            act()
        return receive(request)

    monkeypatch.setattr(gateway, "receive", act_then_receive)
