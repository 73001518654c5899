"""A proxy in a thread, between a shop and the sandbox."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from netcancel import Policy
from netcancel.desk import Desk
from netcancel.kicc import Credentials
from netcancel.proxy import ProxyServer
from netcancel.sandbox import Sandbox
from netcancel.tables import Server, Shop
from tests.journal.samples import KEY
from tests.proxy.shop import CHANNEL, SECRET

POLICY = Policy(
    timeout_seconds=2.0, settle_seconds=0.2, first_retry_seconds=0.05, retry_ceiling_seconds=0.2
)


@dataclass(frozen=True, slots=True)
class Proxied:
    """What a test has of a running proxy."""

    base_url: str
    desk: Desk


class ProxyThread:
    """Runs a proxy in a thread with a loop of its own."""

    def __init__(self, desk: Desk, shops: list[Shop]) -> None:
        self.server = ProxyServer(desk, shops, Server("127.0.0.1", 0))
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.run()))
        self._thread.start()

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self.server.stop()
        self._thread.join()


def shop_of(van: Sandbox) -> Shop:
    """Return the tests' shop, which pays through the sandbox's channel."""
    credentials = Credentials(channel_id=CHANNEL, secret_key=SECRET)
    return Shop(credentials, van.credentials.channel_id, None)


@pytest.fixture
def van() -> Iterator[Sandbox]:
    """Return a sandbox."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def proxied(van: Sandbox, tmp_path: Path) -> Iterator[Proxied]:
    """Return a proxy before the sandbox, with a journal on disk."""
    desk = Desk.open(
        base_url=van.base_url,
        credentials=van.credentials,
        journal=f"sqlite:///{tmp_path / 'journal.db'}",
        policy=POLICY,
        vault_key=KEY,
    )
    thread = ProxyThread(desk, [shop_of(van)])
    try:
        yield Proxied(thread.server.base_url, desk)
    finally:
        thread.stop()
        desk.journal.close()
