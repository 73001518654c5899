"""Recovery: claims what is due and net-cancels or cancels it, until stopped.

Any number may run, in any number of processes: each claim is one atomic write, and whoever lost a
claim changes nothing. `run` is the loop, `run_once` one pass over what is due now.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel.attendance import Attendance
from netcancel.core import flows
from netcancel.core.effects import Exchange, Sign, SignAgain
from netcancel.desk import Desk, new_tag
from netcancel.drive import drive_async
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.kicc import RawAnswer
from netcancel.observe import log
from netcancel.storm import Breaker, Pace
from netcancel.wire import clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Future

    from netcancel.core.effects import Effect
    from netcancel.core.lifecycle import State
    from netcancel.core.payment import Claim

LOOK_SECONDS: Final = 0.5
"""How often to look for due payments: at most a second late (docs/protocol.md, I6)."""

TROUBLE_SECONDS: Final = 2.0
"""How long to leave a journal alone that did not answer."""

TIDY_SECONDS: Final = 600.0
"""How often to look for closed payments whose sealed data is no longer needed."""

SHRED_BATCH: Final = 500
CLAIM_BATCH: Final = 64
"""Most payments of one claim: what is claimed must be sent within two seconds."""

NEWEST_EVERY: Final = 4
"""Every so many claims take what fell due last: behind a long queue, new debts aren't forgotten."""


@dataclass(slots=True)
class Vitals:
    """How a worker is."""

    swept_at: float | None = None
    """The host's time for durations of the last look that went well; None: none did yet."""
    workers: int = 1
    """How many recover on this journal, as far as it knows; they share the pace."""
    claimed: int = 0
    in_flight: int = 0
    is_gateway_away: bool = False


@dataclass(slots=True)
class Report:
    """What a pass did: how many payments it claimed, and in which state it left them."""

    claimed: int = 0
    left_in: Counter[State] = field(default_factory=Counter)


class Recovery:
    """A worker: its claims in flight, its pace, and its connections.

    `vitals` says how it is; whoever watches it may read them at any time.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._perform = desk.awaiting_performer()
        self._pace = Pace(desk.policy.recovery_per_second)
        self._breaker = Breaker(desk.policy.retry_ceiling_seconds)
        self._claims = 0
        self.vitals = Vitals()
        self._in_flight: set[asyncio.Task[None]] = set()
        self._waiting: set[str] = set()
        self._turn = asyncio.Lock()
        self._attendance = Attendance(desk.journal, desk.host_copy)

    async def run(self, stop: asyncio.Event) -> None:
        """Recover until `stop` is set; what is in flight then is handed back."""
        report = Report()
        tidying = asyncio.create_task(self._tidy_from_time_to_time())
        try:
            while not stop.is_set():
                went_well = await self._attempt(self._sweep(report, None, stop), "recovery")
                if went_well:
                    self.vitals.swept_at = clock.now()
                await _wait(stop, LOOK_SECONDS if went_well else TROUBLE_SECONDS)
        finally:
            tidying.cancel()
            await self._hand_back()
            self._attendance.end()

    async def run_once(self, limit: int = 500) -> Report:
        """Claim at most `limit` payments that are due, and finish what was begun for each.

        Raises `ConfigurationError` for a limit below 1.
        """
        if limit < 1:
            raise ConfigurationError("the limit of a recovery must be at least 1")
        report = Report()
        try:
            await self._sweep(report, limit, asyncio.Event())
            await asyncio.gather(*self._in_flight)
        finally:
            await self._hand_back()
            self._attendance.end()
        return report

    @staticmethod
    async def _attempt(work: Awaitable[None], what: str) -> bool:
        """Do some work and say whether it went well; nothing that it meets ends the loop."""
        try:
            await work
        except JournalUnavailable as error:
            log.notice("%s waits for the journal: %s", what, error)
        except Exception:  # noqa: BLE001  without recovery nobody would net-cancel any more
            log.bug(f"in {what}")
        else:
            return True
        return False

    async def _sweep(self, report: Report, limit: int | None, stop: asyncio.Event) -> None:
        """Claim what is due, as fast as the policy allows, until nothing is.

        The worlds take turns, so that an outage of one doesn't keep the others waiting. Nothing is
        claimed before the worker has checked in: a restored journal would be voided from.
        """
        worlds = [*self._desk.worlds.values()]
        # By chance, because a pass with a small limit may reach no other than the first.
        turns = deque(random.sample(worlds, len(worlds)))
        while turns and not stop.is_set():
            wanted = CLAIM_BATCH if limit is None else min(CLAIM_BATCH, limit - report.claimed)
            if wanted == 0:
                return
            await self._attend()
            taken = await self._room_for(wanted)
            if self._breaker.is_open and taken == 0:
                return
            if taken == 0:
                continue
            world = turns.popleft()
            if await self._claim_and_start(world, taken, report) == taken:
                turns.append(world)

    async def _attend(self) -> None:
        """Check in where it is time to, and take this worker's part of the pace."""
        await self._attendance.renew()
        self.vitals.workers = self._attendance.workers
        self._pace.share_with(self._attendance.workers)

    async def _claim_and_start(self, world: str, taken: int, report: Report) -> int:
        """Claim up to `taken` payments of a world, begin with each, and say how many."""
        claimed_at, writer = clock.now(), new_tag()
        claims = await self._claim(world, writer, taken)
        self._breaker.give_back(taken - len(claims))
        report.claimed += len(claims)
        self.vitals.claimed += len(claims)
        for claim in claims:
            self._start(claim, claimed_at, writer, report)
        return len(claims)

    async def _room_for(self, wanted: int) -> int:
        """Return how many may be claimed now; waits a moment where it is none."""
        room = self._desk.policy.recovery_in_flight - len(self._in_flight)
        if room == 0:
            await asyncio.wait(
                self._in_flight, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            return 0
        paced = self._pace.room(len(self._waiting))
        if paced == 0:
            await asyncio.sleep(min(self._pace.claim_wait_seconds, LOOK_SECONDS))
            return 0
        return self._breaker.allow(min(wanted, room, paced))

    async def _claim(self, world: str, writer: str, limit: int) -> list[Claim]:
        desk = self._desk
        self._claims += 1
        future = desk.journal.claim_due(
            world=world,
            writer=writer,
            limit=limit,
            hold_seconds=desk.policy.hold_seconds,
            newest_first=self._claims % NEWEST_EVERY == 0,
            seen=self._attendance.mark,
        )
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            # A claim that the journal has begun may still succeed, with nobody to work on it.
            future.add_done_callback(partial(self._hand_over_claims, writer))
            raise

    def _hand_over_claims(self, writer: str, claimed: Future[list[Claim]]) -> None:
        if not claimed.cancelled() and claimed.exception() is None:
            for claim in claimed.result():
                self._hand_over(claim, writer)

    def _hand_over(self, claim: Claim, writer: str) -> None:
        """Make a claimed payment due at once; changes nothing where its flow let go of it."""
        self._desk.journal.hand_over_if_held(claim.payment.id, writer)

    def _start(self, claim: Claim, claimed_at: float, writer: str, report: Report) -> None:
        self._waiting.add(claim.payment.id)
        task = asyncio.create_task(self._recover(claim, claimed_at, writer, report))
        self._in_flight.add(task)
        self.vitals.in_flight = len(self._in_flight)
        task.add_done_callback(partial(self._end, claim, writer))

    def _end(self, claim: Claim, writer: str, task: asyncio.Task[None]) -> None:
        """Forget a task; one cancelled before its first step never began the flow."""
        self._in_flight.discard(task)
        self._waiting.discard(claim.payment.id)
        self.vitals.in_flight = len(self._in_flight)
        if task.cancelled() or task.exception() is not None:
            self._hand_over(claim, writer)

    async def _recover(self, claim: Claim, claimed_at: float, writer: str, report: Report) -> None:
        flow = flows.recover(claim, claimed_at, writer, self._desk.policy)
        perform = partial(self._perform_in_time, claim.payment.id)
        try:
            payment = await drive_async(flow, perform, self._perform.hand_over)
        except Exception:  # noqa: BLE001
            # A bug met this payment; the others must not suffer, and this one is due again.
            log.bug(f"in the recovery of payment {claim.payment.merc_trx_no}")
        else:
            report.left_in[payment.state] += 1

    async def _perform_in_time(self, payment_id: str, effect: Effect[Any]) -> Any:  # noqa: ANN401  of the effect's type
        """Perform an effect: a request in its turn, and the breaker is told of its answer."""
        if isinstance(effect, Sign | SignAgain):
            # Before the signature, not behind it: a signed request must not wait.
            await self._wait_for_turn()
            self._waiting.discard(payment_id)
        begun_at = clock.now()
        answer = await self._perform(effect)
        if isinstance(effect, Exchange):
            self._note(begun_at, has_answered=isinstance(answer, RawAnswer))
        return answer

    async def _wait_for_turn(self) -> None:
        """Return when the next request may go: one after the other, also after a pause of ours."""
        async with self._turn:
            await asyncio.sleep(self._pace.wait_seconds)
            self._pace.go()

    def _note(self, begun_at: float, *, has_answered: bool) -> None:
        if has_answered and self._breaker.note_answer():
            log.notice("the gateway answers again: recovery goes on")
        elif not has_answered and self._breaker.note_silence(begun_at):
            log.trouble(
                "the gateway gives no answer: recovery waits, and probes with one payment at a time"
            )
        self.vitals.is_gateway_away = self._breaker.is_open

    async def _hand_back(self) -> None:
        """Interrupt what is in flight: each payment is handed over."""
        tasks = list(self._in_flight)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._perform.aclose()

    async def _tidy_from_time_to_time(self) -> None:
        while True:
            await self._attempt(self._shred_closed(), "shredding")
            await self._attempt(self._look_for_strangers(), "looking for a newer netcancel's")
            await asyncio.sleep(TIDY_SECONDS)
            # Not at once: after a restart of all, the workers of other worlds only begin too.
            await self._attempt(self._look_for_neglected(), "looking for what nobody takes")

    async def _look_for_strangers(self) -> None:
        """Alarm where payments are owed what only a newer netcancel can do."""
        strangers = await asyncio.wrap_future(self._desk.journal.strangers())
        if strangers:
            log.alarm_of_journal(
                "%d payments are in a state of a newer netcancel, and nobody here may touch them:"
                " see that a worker of that release runs",
                strangers,
            )

    async def _look_for_neglected(self) -> None:
        """Alarm where payments of other worlds have been due for long: no worker takes them."""
        due_seconds = self._desk.policy.alarm_after_seconds
        future = self._desk.journal.neglected(worlds=self._desk.all_worlds, due_seconds=due_seconds)
        neglected = await asyncio.wrap_future(future)
        if neglected:
            log.alarm_of_journal(
                "%d open payments of other worlds have been due for more than %g seconds, and"
                " nobody here may touch them: see that a worker for them runs",
                neglected,
                due_seconds,
            )

    async def _shred_closed(self) -> None:
        journal, keep_seconds = self._desk.journal, self._desk.policy.keep_token_seconds
        shredded = SHRED_BATCH
        while shredded == SHRED_BATCH:
            future = journal.shred_closed(keep_seconds=keep_seconds, limit=SHRED_BATCH)
            shredded = await asyncio.wrap_future(future)


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    """Return when `stop` is set or the time is over."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


class RecoveryThread:
    """Recovery in a background thread of this process; a forked child starts its own.

    Whatever ends recovery is said, and it begins again: without it nobody would net-cancel.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = threading.Lock()
        self._is_stopped = False
        self._start()

    def ensure_running(self) -> None:
        """Start the thread again where a fork left it behind, or where it died."""
        if not self._thread.is_alive():
            with self._lock:
                if not (self._is_stopped or self._thread.is_alive()):
                    self._start()

    def stop(self) -> None:
        """Hand back what is in flight and end the thread, for good; again: nothing."""
        with self._lock:
            self._is_stopped = True
        if self._thread.is_alive():
            self._stopping.set()
            self._wake()
            self._thread.join()

    def _start(self) -> None:
        self._stopping = threading.Event()
        self._wake: Callable[[], object] = _wake_nobody
        self._thread = threading.Thread(target=self._run, name="netcancel-recovery", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                # Its loop is made first: without descriptors that fails, and nothing is left over.
                with asyncio.Runner() as runner:
                    runner.run(self._main())
            except BaseException:  # noqa: BLE001  SystemExit would end a thread without a word
                log.bug("in the recovery thread")
                self._stopping.wait(TROUBLE_SECONDS)

    async def _main(self) -> None:
        stop = asyncio.Event()
        self._wake = partial(_call_in, asyncio.get_running_loop(), stop.set)
        if self._stopping.is_set():  # said before there was anybody to wake
            stop.set()
        await Recovery(self._desk).run(stop)


def _wake_nobody() -> None:
    """Do nothing: the thread has not begun, and will look by itself whether it should."""


def _call_in(loop: asyncio.AbstractEventLoop, act: Callable[[], object]) -> None:
    """Have a loop call something; a loop that is closed has nothing to be told."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(act)
