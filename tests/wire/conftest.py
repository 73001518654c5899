"""Both transports behind one blocking face, so that each claim is tested on both."""

from __future__ import annotations

import asyncio
import datetime as dt
import ssl
from typing import TYPE_CHECKING, Protocol

import pytest
import trustme

from netcancel.wire import AwaitingTransport, BlockingTransport, Request
from netcancel.wire import clock as host_clock
from tests.canaries import TOKEN
from tests.wire.answerer import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from netcancel.kicc.raw import Reception
    from netcancel.wire import Gateway

REQUEST = Request(
    "/smpy/kiccpay/reqAprv",
    (("X-KICC-ChannelId", "CH_A1B2C3D4"), ("X-KICC-Authorization", "U0lHTkFUVVJF")),
    b'{"tokenKey":"%s","trxAmt":10000}' % TOKEN.encode(),
)


class Carry(Protocol):
    """Carries one request to a gateway and returns what came back."""

    def __call__(
        self,
        gateway: Gateway,
        request: Request = REQUEST,
        *,
        seconds: float = PATIENCE,
        keep_alive_seconds: float = 0.0,
        clock: Callable[[], float] = host_clock.now,
    ) -> Reception:
        """Return what came back; the deadline is `seconds` from now on that clock."""
        ...


@pytest.fixture(params=["blocking", "awaiting"])
def carry(request: pytest.FixtureRequest) -> Iterator[Carry]:
    """Exchange over one of the two transports; one transport for each gateway and keep-alive."""
    blocking: dict[object, BlockingTransport] = {}
    awaiting: dict[object, AwaitingTransport] = {}

    def carry_blocking(
        gateway: Gateway,
        request: Request = REQUEST,
        *,
        seconds: float = PATIENCE,
        keep_alive_seconds: float = 0.0,
        clock: Callable[[], float] = host_clock.now,
    ) -> Reception:
        if gateway not in blocking:
            blocking[gateway] = BlockingTransport(
                gateway, keep_alive_seconds=keep_alive_seconds, clock=clock
            )
        return blocking[gateway].exchange(request, deadline=clock() + seconds)

    def carry_awaiting(
        gateway: Gateway,
        request: Request = REQUEST,
        *,
        seconds: float = PATIENCE,
        keep_alive_seconds: float = 0.0,
        clock: Callable[[], float] = host_clock.now,
    ) -> Reception:
        if gateway not in awaiting:
            awaiting[gateway] = AwaitingTransport(
                gateway, keep_alive_seconds=keep_alive_seconds, clock=clock
            )
        return runner.run(awaiting[gateway].exchange(request, deadline=clock() + seconds))

    with asyncio.Runner() as runner:
        yield carry_blocking if request.param == "blocking" else carry_awaiting
        for transport in blocking.values():
            transport.close()
        for waiting in awaiting.values():
            runner.run(waiting.aclose())


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Return a certificate authority of our own."""
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    """Return the file of the authority's certificate."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


FLAWS = ("another name", "expired", "unknown authority")


def flawed(authority: trustme.CA, flaw: str) -> trustme.LeafCert:
    """Return a certificate of 127.0.0.1 that nobody may believe."""
    past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    return {
        "another name": lambda: authority.issue_cert("gateway.test"),
        "expired": lambda: authority.issue_cert("127.0.0.1", not_after=past),
        "unknown authority": lambda: trustme.CA().issue_cert("127.0.0.1"),
    }[flaw]()


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return the server's side of TLS with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context
