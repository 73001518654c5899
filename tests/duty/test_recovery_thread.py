"""The recovery thread lives as long as its guard, whatever it meets, and ends once."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from netcancel import (
    Approved,
    AsyncGuard,
    ConfigurationError,
    Guard,
    InDoubt,
    JournalUnavailable,
    NetCancelled,
    State,
)
from netcancel.observe import log
from tests.duty.books import check_books
from tests.duty.lock import Lock
from tests.duty.shop import order_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.recovery import RecoveryThread
    from netcancel.sandbox import Sandbox
    from tests.duty.nursery import Nursery
    from tests.duty.shop import Shop

DEADLINE_SECONDS = 30.0
LONG_NUMBER = "ORDER_OF_A_LONGER_NUMBER"
"""A guard says a notice of it while it approves."""


class Raiser(logging.Handler):
    """A user's handler that raises."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error
        self.called = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Raise."""
        del record
        self.called.set()
        raise self._error


DIES = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
"""The thread's death is what the test wants."""


@contextmanager
def handler_that_raises(error: BaseException) -> Iterator[Raiser]:
    """Have the logger's handler raise for every record."""
    handler = Raiser(error)
    logger = logging.getLogger("netcancel")
    logger.addHandler(handler)
    try:
        yield handler
    finally:
        logger.removeHandler(handler)


def wait_until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def is_closed(guard: Guard, number: str) -> bool:
    """Tell whether a payment is final."""
    found = guard.find(number)
    return found is not None and found.state.is_final


def thread_of(guard: Guard | AsyncGuard) -> RecoveryThread:
    """Return a guard's recovery thread."""
    assert guard._recovery is not None
    return guard._recovery


def test_no_handler_ends_what_is_said() -> None:
    """Alarms, notices and bugs are said without raising what a handler raises."""
    with handler_that_raises(OSError("no space left on device")):
        log.alarm(tid="T1", merc_trx_no="N1", state="net_cancelling", text="look")
        log.notice("a notice with %s", "details")
        log.bug("in a test")


def test_a_handler_that_raises_ends_no_approval(van: Sandbox, shop: Shop) -> None:
    """An alarm or a notice that can't be written ends neither an approval nor its net-cancel."""
    shop = shop.with_policy(alarm_after_seconds=1e-6)
    van.inject("commit-then-reset")
    van.inject("net-cancel-refused")
    with shop.guard() as guard, handler_that_raises(OSError("disk full")) as handler:
        assert isinstance(guard.approve(**order_of(LONG_NUMBER)), InDoubt)
        assert handler.called.is_set()
    shop.recover_until_closed()
    check_books(van, shop)


def test_a_handler_that_raises_ends_no_recovery(van: Sandbox, shop: Shop) -> None:
    """Recovery whose notice can't be written goes on when its journal can be reached again."""
    shop = shop.with_policy(timeout_seconds=2.0, settle_seconds=0.1)
    van.inject("commit-then-reset")
    full = handler_that_raises(OSError("disk full"))
    with full as handler, shop.guard(recovery="thread") as guard:
        assert isinstance(guard.approve(**order_of("ORD_1")), NetCancelled)
        with Lock(shop):
            assert handler.called.wait(DEADLINE_SECONDS)
        wait_until(lambda: is_closed(guard, "ORD_1"))
    check_books(van, shop)


@DIES
def test_a_thread_that_died_begins_again(van: Sandbox, shop: Shop) -> None:
    """Where even saying it ended the thread, the next approval starts it again."""
    with shop.guard(recovery="thread") as guard:
        dead = thread_of(guard)._thread
        with handler_that_raises(SystemExit(1)), Lock(shop):
            wait_until(lambda: not dead.is_alive())
        assert isinstance(guard.approve(**order_of("ORD_1")), Approved)
        assert thread_of(guard)._thread.is_alive()
    assert not thread_of(guard)._thread.is_alive()
    check_books(van, shop)


@DIES
def test_a_dead_thread_is_not_waited_for(shop: Shop) -> None:
    """Closing a guard whose recovery thread died ends at once."""
    guard = shop.guard(recovery="thread")
    with handler_that_raises(SystemExit(1)), Lock(shop):
        wait_until(lambda: not thread_of(guard)._thread.is_alive())
    guard.close()
    with pytest.raises(JournalUnavailable):
        guard.find("ORD_1")


def test_recovery_begins_when_there_are_descriptors(
    van: Sandbox, shop: Shop, nursery: Nursery
) -> None:
    """A thread that can't open its event loop tries again, and can be stopped while it can't."""
    van.inject("commit-then-reset")
    van.inject("reset", endpoint="net-cancel")
    with shop.guard() as guard:
        assert isinstance(guard.approve(**order_of("ORD_1")), InDoubt)
    child = nursery.start("recover_without_descriptors", shop=shop.as_words(), number="ORD_1")
    assert child.end() == ["stopped without a loop", "a loop again", State.NET_CANCELLED]
    assert child.ended_by == 0
    check_books(van, shop)


@pytest.mark.parametrize("recovery", ["thread", "off"])
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_a_guard_may_be_closed_twice(
    shop: Shop, caplog: pytest.LogCaptureFixture, kind: str, recovery: str
) -> None:
    """The second close does nothing, says nothing and raises nothing; recovery stays ended."""

    async def close_twice() -> AsyncGuard:
        async with shop.async_guard(recovery=recovery) as guard:
            await guard.aclose()
        await guard.aclose()
        return guard

    guard: Guard | AsyncGuard
    if kind == "AsyncGuard":
        guard = asyncio.run(close_twice())
    else:
        guard = shop.guard(recovery=recovery)
        with guard:
            guard.close()
        guard.close()
        with pytest.raises(JournalUnavailable):
            guard.approve(**order_of("ORD_1"))
    assert [record for record in caplog.records if record.name == "netcancel"] == []
    if recovery == "thread":
        thread = thread_of(guard)
        thread.stop()
        thread.ensure_running()
        assert not thread._thread.is_alive()


def test_the_journal_is_closed_whatever_ends_the_leaving(van: Sandbox, shop: Shop) -> None:
    """What interrupts a close still finds the journal closed."""
    van.inject("html")
    van.inject("net-cancel-refused")
    guard = shop.guard()
    assert isinstance(guard.approve(**order_of("ORD_1")), InDoubt)
    with handler_that_raises(SystemExit(1)), pytest.raises(SystemExit):
        guard.close()
    with pytest.raises(JournalUnavailable):
        guard.find("ORD_1")
    guard.close()
    shop.recover_until_closed()
    check_books(van, shop)


@pytest.mark.parametrize("merchant", [{}, {"tid": "T123456789"}, "T123456789", 0], ids=repr)
@pytest.mark.parametrize("kind", ["Guard", "AsyncGuard"])
def test_a_merchant_is_a_merchant(van: Sandbox, shop: Shop, kind: str, merchant: Any) -> None:
    """What is no `Merchant` is refused by name; nothing is written or sent."""

    async def approve() -> None:
        async with shop.async_guard() as guard:
            await guard.approve(**order_of("ORD_1"), merchant=merchant)

    if kind == "AsyncGuard":
        with pytest.raises(ConfigurationError, match="Merchant"):
            asyncio.run(approve())
    else:
        with shop.guard() as guard, pytest.raises(ConfigurationError, match="Merchant"):
            guard.approve(**order_of("ORD_1"), merchant=merchant)
    assert (van.requests(), shop.payments()) == ([], [])
