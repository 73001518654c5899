"""A proxy in a thread, between a shop and the sandbox; the secrets on both sides are canaries."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netcancel import Payment, State
from netcancel.desk import Desk, world_of
from netcancel.drive import Signer
from netcancel.kicc import Credentials
from netcancel.proxy import ProxyServer
from netcancel.sandbox import Sandbox
from netcancel.tables import Server, Shop
from tests.canaries import CARD
from tests.canaries import SECRET as GATEWAY_SECRET
from tests.duty.shop import CREDENTIALS, ENVIRONMENT
from tests.duty.shop import Shop as Books
from tests.proxy.gate import DEADLINE_SECONDS, Gate
from tests.proxy.shop import CHANNEL, SECRET

QUICK_SECONDS = 2.0
"""Time-out where an answer is lost by silence."""


@dataclass(frozen=True, slots=True)
class Proxied:
    """What a test has of a running proxy: its address, and its journal through `books`."""

    base_url: str
    desk: Desk
    server: ProxyServer
    books: Books

    @property
    def connections(self) -> int:
        """How many shops are connected."""
        return len(self.server._uvicorn.server_state.connections)

    def find(self, number: str) -> Payment:
        """Return a payment that the journal knows."""
        payment = self.desk.journal.find("T123456789", number).result()
        assert payment is not None
        return payment

    def wait_for(self, number: str, *states: State) -> Payment:
        """Wait until a payment is in one of the states."""
        wait_until(lambda: self.find(number).state in states)
        return self.find(number)


def wait_until(holds: Callable[[], bool]) -> None:
    """Look until something holds, at most until the deadline."""
    until = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < until, "the deadline is over"
        time.sleep(0.01)


class ProxyThread:
    """Runs a proxy in a thread with a loop of its own."""

    def __init__(self, desk: Desk, shops: Sequence[Shop], server: Server) -> None:
        self.server = ProxyServer(desk, shops, server)
        self._thread = threading.Thread(target=lambda: asyncio.run(self.server.run()))
        self._thread.start()

    def stop(self) -> None:
        """Stop it and wait for its end."""
        self.server.stop()
        self._thread.join()


def the_shop() -> Shop:
    """Return the tests' shop, which pays through the sandbox's channel."""
    credentials = Credentials(channel_id=CHANNEL, secret_key=SECRET)
    return Shop(credentials, CREDENTIALS.channel_id, None)


def with_channels(desk: Desk, names: Sequence[str]) -> Desk:
    """Return the desk with these channels; all have the sandbox's secret."""
    worlds = {name: world_of(desk.gateway, name, ENVIRONMENT) for name in names}
    secrets = {
        worlds[name]: Credentials(channel_id=name, secret_key=GATEWAY_SECRET) for name in names
    }
    return replace(desk, worlds=worlds, signer=Signer(secrets))


@contextmanager
def proxy_for(
    books: Books,
    shops: Sequence[Shop] = (),
    server: Server = Server("127.0.0.1", 0),  # noqa: B008  frozen: the same for everybody
    *,
    channels: Sequence[str] = (),
) -> Iterator[Proxied]:
    """Run a proxy that writes these books, with more channels than the usual one."""
    with books.desk() as usual:
        desk = with_channels(usual, [CREDENTIALS.channel_id, *channels])
        thread = ProxyThread(desk, shops or [the_shop()], server)
        try:
            yield Proxied(thread.server.base_url, desk, thread.server, books)
        finally:
            thread.stop()


@pytest.fixture(autouse=True)
def _plant_canaries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the sandbox sign with a canary, and answer with a whole card number."""
    monkeypatch.setattr("netcancel.sandbox.world.SECRET_KEY", GATEWAY_SECRET)
    monkeypatch.setattr("netcancel.sandbox.gateway.MASKED_CARD", CARD)


@pytest.fixture
def van() -> Iterator[Sandbox]:
    """Return a sandbox."""
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def books(van: Sandbox, tmp_path: Path) -> Books:
    """Return the books of a proxy before the sandbox, with patient time-outs."""
    return Books.at(van, tmp_path)


@pytest.fixture
def proxied(books: Books) -> Iterator[Proxied]:
    """Return a proxy before the sandbox."""
    with proxy_for(books) as running:
        yield running


@pytest.fixture
def gate(van: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Return a gate before the gateway; it is open in the end."""
    held = Gate(van, monkeypatch)
    yield held
    held.open()
