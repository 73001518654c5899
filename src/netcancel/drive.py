"""The two drivers of flows, one blocking and one awaiting, and how each performs an effect.

A driver sends every answer back into its flow. Where performing an effect is interrupted (Ctrl-C,
a cancelled task, a closed event loop, a bug), the flow is told by `Interrupted`; what it still asks
for, a `HandOver`, is performed, and then the original exception goes on.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import uuid
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakKeyDictionary

from netcancel.core.effects import (
    Alarm,
    CancelStamp,
    Confirm,
    Draw,
    Effect,
    Exchange,
    Find,
    Flow,
    HandOver,
    Note,
    Now,
    Open,
    OpenBody,
    Read,
    Sign,
    SignAgain,
    Signed,
    Sleep,
    StampCancel,
    Unavailable,
    Write,
)
from netcancel.core.policy import COMMIT_BUDGET_SECONDS, SEND_WITHIN_SECONDS
from netcancel.errors import JournalUnavailable
from netcancel.journal.contract import JournalClosed
from netcancel.kicc import (
    CHANCE_BITS,
    Credentials,
    new_cancel_number,
    seoul_date_and_time,
    sign,
)
from netcancel.wire import AwaitingTransport, BlockingTransport, Request, clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from concurrent.futures import Future

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal

T = TypeVar("T")

HAND_OVER_SECONDS: Final = 1.0
"""An interrupted caller waits no longer than this for its payment to be handed over."""


Asking = Open | Read | Find | OpenBody | Confirm | Write | Note
"""What the journal is asked for."""


def ask(journal: Journal, effect: Asking) -> Future[Any]:  # noqa: PLR0911  one case an effect
    """Ask a journal for what an effect says."""
    match effect:
        case Open(intent):
            return journal.open_new(intent)
        case Read(payment_id):
            return journal.read(payment_id)
        case Find(tid, merc_trx_no):
            return journal.find(tid, merc_trx_no)
        case OpenBody(payment_id):
            return journal.open_body(payment_id)
        case Confirm(worlds, tid, merc_trx_no, writer):
            return journal.confirm_if_unconfirmed(
                worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer
            )
        case Write(seen, event, writer, change):
            return journal.move_if_unchanged(seen, event, writer, change)
        case Note(seen, event, writer, change):
            return journal.note(seen, event, writer, change)


class Interrupted(BaseException):
    """Thrown into a flow whose driver was interrupted while it performed an effect."""


def drive(flow: Flow[T], perform: Callable[[Effect[Any]], Any]) -> T:
    """Run a flow to its end with a blocking performer."""
    try:
        effect = next(flow)
        while True:
            try:
                answer = perform(effect)
            except BaseException as error:
                _interrupt(flow, perform, error)
                raise
            effect = flow.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


async def drive_async(
    flow: Flow[T],
    perform: Callable[[Effect[Any]], Awaitable[Any]],
    perform_last: Callable[[Effect[Any]], Any],
) -> T:
    """Run a flow to its end with an awaiting performer.

    `perform_last` performs without awaiting: it serves an interrupted flow, whose event loop may
    be closed.
    """
    try:
        effect = next(flow)
        while True:
            try:
                answer = await perform(effect)
            except BaseException as error:
                _interrupt(flow, perform_last, error)
                raise
            effect = flow.send(answer)
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


def _interrupt(
    flow: Flow[Any], perform: Callable[[Effect[Any]], Any], error: BaseException
) -> None:
    """Tell a flow of its end and perform what it asks for in its last moment.

    A bug is told as it is; whatever else stops a driver is an interruption.
    """
    last_word = error if isinstance(error, Exception) else Interrupted()
    try:
        effect = flow.throw(last_word)
        while True:
            effect = flow.send(perform(effect))
    except (StopIteration, Interrupted):
        return
    except Exception as again:
        if again is not error:
            raise


class Signer:
    """Signs requests with their worlds' secrets, at the present time and with a new nonce."""

    def __init__(self, credentials: Mapping[str, Credentials]) -> None:
        """`credentials`: by world."""
        self._credentials = credentials

    def sign(self, world: str, path: str, body: bytes) -> Signed:
        """Sign `body` for `path` now."""
        return signed_now(self._credentials[world], path, body)

    def sign_again(self, world: str, path: str, body: bytes) -> Signed | None:
        """Sign with the secret that was in force before; None: there is none."""
        previous = self._credentials[world].previous
        return None if previous is None else signed_now(previous, path, body)


def signed_now(credentials: Credentials, path: str, body: bytes) -> Signed:
    """Sign `body` for `path` with one secret, now."""
    at = clock.now()
    headers = sign(
        credentials,
        path,
        body,
        timestamp_ms=time.time_ns() // 1_000_000,
        nonce=str(uuid.uuid4()),
    )
    return Signed(path, headers, body, at)


def stamp_cancel() -> CancelStamp:
    """Draw a cancel's own number, and look at the calendar of Seoul."""
    now = time.time_ns()
    number = new_cancel_number(now // 1_000_000, secrets.randbits(CHANCE_BITS))
    return CancelStamp(number, *seoul_date_and_time(now / 1_000_000_000))


class _Performer:
    """What both performers do alike: all that needs no waiting, and asking the journal."""

    def __init__(
        self, journal: Journal, signer: Signer, alarm: Callable[[Payment, str], None]
    ) -> None:
        self._journal = journal
        self._signer = signer
        self._alarm = alarm

    def _at_once(self, effect: Effect[Any]) -> Any:  # noqa: ANN401  one case an effect; the answer is of the effect's type
        match effect:
            case Now():
                return clock.now()
            case Draw():
                return random.random()  # noqa: S311  spreads retries, protects nothing
            case Sign(world, path, body):
                return self._signer.sign(world, path, body)
            case SignAgain(world, path, body):
                return self._signer.sign_again(world, path, body)
            case StampCancel():
                return stamp_cancel()
            case Alarm(payment, text):
                return self._alarm(payment, text)
            case _:
                raise TypeError(f"nobody performs {type(effect).__name__}")

    def hand_over(self, effect: Effect[Any]) -> Future[None]:
        """Start the last effect of an interrupted flow; the journal's own thread finishes it."""
        if not isinstance(effect, HandOver):
            raise TypeError(f"an interrupted flow can't have {type(effect).__name__}")
        return self._journal.hand_over_if_held(effect.payment_id, effect.writer)


class BlockingPerformer(_Performer):
    """Performs effects by blocking the calling thread."""

    def __init__(
        self,
        journal: Journal,
        transport: BlockingTransport,
        signer: Signer,
        alarm: Callable[[Payment, str], None],
    ) -> None:
        super().__init__(journal, signer, alarm)
        self._transport = transport

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._transport.close()

    def __call__(self, effect: Effect[Any]) -> Any:  # noqa: ANN401  of the effect's type
        """Return the effect's answer."""
        match effect:
            case Open() | Read() | Find() | OpenBody() | Confirm() | Write() | Note():
                return self._result(ask(self._journal, effect))
            case Exchange(signed, timeout_seconds):
                deadline = _deadline(signed, timeout_seconds)
                return self._transport.exchange(_request(signed), deadline=deadline)
            case Sleep(seconds):
                return time.sleep(seconds)
            case HandOver():
                with suppress(TimeoutError):
                    self.hand_over(effect).exception(HAND_OVER_SECONDS)
                return None
            case _:
                return self._at_once(effect)

    @staticmethod
    def _result(future: Future[T]) -> T | Unavailable:
        try:
            return future.result(COMMIT_BUDGET_SECONDS)
        except JournalUnavailable as error:
            return Unavailable(str(error), for_good=isinstance(error, JournalClosed))
        except TimeoutError:
            return Unavailable(f"no answer in {COMMIT_BUDGET_SECONDS:g} s")
        finally:
            future.cancel()  # what the journal has not begun nobody waits for any more


class AwaitingPerformer(_Performer):
    """Performs effects by awaiting them."""

    def __init__(
        self,
        journal: Journal,
        transport: AwaitingTransport,
        signer: Signer,
        alarm: Callable[[Payment, str], None],
    ) -> None:
        super().__init__(journal, signer, alarm)
        self._transport = transport
        self._bells: WeakKeyDictionary[asyncio.AbstractEventLoop, _Bell] = WeakKeyDictionary()

    async def aclose(self) -> None:
        """Close the connections that are kept alive."""
        await self._transport.aclose()

    async def __call__(self, effect: Effect[Any]) -> Any:  # noqa: ANN401  of the effect's type
        """Return the effect's answer."""
        match effect:
            case Open() | Read() | Find() | OpenBody() | Confirm() | Write() | Note():
                return await self._result(ask(self._journal, effect))
            case Exchange(signed, timeout_seconds):
                deadline = _deadline(signed, timeout_seconds)
                return await self._transport.exchange(_request(signed), deadline=deadline)
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case HandOver():
                return await self._result(self.hand_over(effect))
            case _:
                return self._at_once(effect)

    async def _result(self, future: Future[T]) -> T | Unavailable:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[None] = loop.create_future()
        timer = loop.call_later(COMMIT_BUDGET_SECONDS, _wake, told)
        future.add_done_callback(partial(self._bell_of(loop).ring, told))
        try:
            await told
            return future.result(timeout=0)
        except JournalUnavailable as error:
            return Unavailable(str(error), for_good=isinstance(error, JournalClosed))
        except TimeoutError:
            return Unavailable(f"no answer in {COMMIT_BUDGET_SECONDS:g} s")
        finally:
            timer.cancel()
            future.cancel()  # what the journal has not begun nobody waits for any more

    def _bell_of(self, loop: asyncio.AbstractEventLoop) -> _Bell:
        if (bell := self._bells.get(loop)) is None:
            bell = self._bells[loop] = _Bell()
        return bell


class _Bell:
    """Wakes waiting tasks of one loop from other threads: one call for all that a commit served.

    `asyncio.wrap_future` would write to the loop's own pipe for each of them.
    """

    def __init__(self) -> None:
        self._told: deque[asyncio.Future[None]] = deque()
        self._is_rung = False

    def ring(self, told: asyncio.Future[None], _done: Future[Any]) -> None:
        """Have the loop wake a task soon; where the loop is closed, nobody waits any more."""
        self._told.append(told)
        if self._is_rung:
            return
        self._is_rung = True
        try:
            told.get_loop().call_soon_threadsafe(self._wake_all)
        except RuntimeError:
            self._is_rung = False
            self._told.clear()

    def _wake_all(self) -> None:
        # Said before the first is woken: whoever comes from now on rings again.
        self._is_rung = False
        while self._told:
            _wake(self._told.popleft())


def _wake(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)


def _deadline(signed: Signed, timeout_seconds: float) -> float:
    """Return when an exchange must be over: after a pause, an aged signature has no time left.

    So no approval leaves later than `settle_at` counts on.
    """
    return min(clock.now(), signed.at + SEND_WITHIN_SECONDS) + timeout_seconds


def _request(signed: Signed) -> Request:
    return Request(path=signed.path, headers=signed.headers, body=signed.body)
