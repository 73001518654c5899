"""A database server that is gone, read-only or full of others amid a payment: nothing is lost."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
import pytest

from netcancel import Approved, Declined, InDoubt, JournalUnavailable, NetCancelled
from tests.duty.books import by_number, check_books
from tests.duty.parts import Troubled
from tests.duty.shop import Shop, order_of
from tests.missing import missing
from tests.servers.kinds import found
from tests.servers.running import OwnServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel.sandbox import Sandbox


class Gone:
    """The server isn't there."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server

    def begin(self) -> None:
        """Stop it."""
        self._server.kill()

    def end(self) -> None:
        """Start it again."""
        self._server.start()


class ReadOnly:
    """The server is a standby, as after a fail-over."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server

    def begin(self) -> None:
        """Make it a standby."""
        self._server.kill()
        (self._server.home / "data" / "standby.signal").touch()
        self._server.start()

    def end(self) -> None:
        """Promote it."""
        with psycopg.connect(self._server.url, autocommit=True) as admin:
            admin.execute("SELECT pg_promote()")


class Crowded:
    """Others have all the connections that the server gives."""

    def __init__(self, server: OwnServer) -> None:
        self._server = server
        self._others = ExitStack()

    def begin(self) -> None:
        """Take them all, that of the journal too."""
        admin = self._take()
        self._take_what_is_free()
        admin.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE application_name = 'netcancel'"
        )
        self._take_what_is_free()

    def end(self) -> None:
        """Give them back."""
        self._others.close()

    def _take_what_is_free(self) -> None:
        with suppress(psycopg.OperationalError):
            while True:
                self._take()

    def _take(self) -> psycopg.Connection[Any]:
        taken = psycopg.connect(self._server.url, autocommit=True, application_name="others")
        self._others.callback(taken.close)
        return taken


class Hardship(Protocol):
    """Trouble of a server that begins and ends."""

    def __init__(self, server: OwnServer) -> None:
        """Be prepared."""

    def begin(self) -> None:
        """Begin."""

    def end(self) -> None:
        """Let everything be as before."""


TROUBLES: dict[str, type[Hardship]] = {"gone": Gone, "read-only": ReadOnly, "crowded": Crowded}


@pytest.fixture(scope="module")
def _server() -> Iterator[OwnServer]:
    kind = found("postgres")
    if kind is None:
        missing("the programs of postgres")
    with OwnServer(kind) as server:
        yield server


@pytest.fixture
def server(_server: OwnServer) -> OwnServer:
    """Return a server whose database is empty."""
    with psycopg.connect(_server.url, autocommit=True) as admin:
        admin.execute("SET client_min_messages = 'error'")
        admin.execute("DROP SCHEMA IF EXISTS netcancel CASCADE")
    return _server


@pytest.fixture
def shop(van: Sandbox, tmp_path: Path, server: OwnServer) -> Shop:
    """Set up a shop whose journal is on that server."""
    return replace(Shop.at(van, tmp_path), journal=server.url)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_before_the_intent(
    van: Sandbox, shop: Shop, server: OwnServer, trouble: str
) -> None:
    """Where the intent can't be written nothing is sent; when it can be, the guard goes on."""
    hardship = TROUBLES[trouble](server)
    with shop.guard() as guard:
        assert isinstance(guard.approve(**order_of("ORD_1")), Approved)
        hardship.begin()
        with pytest.raises(JournalUnavailable):
            guard.approve(**order_of("ORD_2"))
        hardship.end()
        assert isinstance(guard.approve(**order_of("ORD_2")), Approved)
    assert [len(each) for each in by_number(van.requests()).values()] == [1, 1]
    check_books(van, shop)


FAULTS = {"approved": None, "lost": "commit-then-reset", "declined": "decline"}
MENDED = {
    "approved": (Approved,),
    # Two seconds after its claim a net-cancel isn't sent any more: recovery claims it anew.
    "lost": (NetCancelled, InDoubt),
    "declined": (Declined,),
}


@pytest.mark.parametrize("fate", FAULTS)
@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_before_the_verdict_that_mends(
    van: Sandbox, shop: Shop, server: OwnServer, trouble: str, fate: str
) -> None:
    """A verdict that can't be written is written again within the lease, and only then told."""
    if fault := FAULTS[fate]:
        van.inject(fault)
    with shop.guard() as guard:
        Troubled(guard, TROUBLES[trouble](server), mends=True)
        told = guard.approve(**order_of("ORD_1"))
        assert isinstance(told, MENDED[fate])
    shop.recover_until_closed()
    check_books(van, shop, {"ORD_1": told})


def test_a_server_that_is_gone_too_long(van: Sandbox, shop: Shop, server: OwnServer) -> None:
    """A verdict that can't be written while the lease lasts is never told: in doubt, then void."""
    # An answer comes at once; the time-out is in the lease, which is waited for here.
    shop = shop.with_policy(timeout_seconds=1.5)
    hardship = Gone(server)
    with shop.guard() as guard:
        Troubled(guard, hardship, mends=False)
        assert isinstance(guard.approve(**order_of("ORD_1")), InDoubt)
        hardship.end()
        assert guard.find("ORD_1") is not None
    shop.recover_until_closed()
    with shop.guard() as guard:
        told = guard.approve(**order_of("ORD_1"))
    assert isinstance(told, NetCancelled)
    check_books(van, shop, {"ORD_1": told})
    assert [charge["status"] for charge in van.charges()] == ["voided"]
