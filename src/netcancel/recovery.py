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
from typing import TYPE_CHECKING, Final

from netcancel.attendance import Attendance
from netcancel.core import flows
from netcancel.desk import Desk, new_tag
from netcancel.drive import drive_async
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.observe import log
from netcancel.wire import clock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Future

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


@dataclass(slots=True)
class Report:
    """What a pass did: how many payments it claimed, and in which state it left them."""

    claimed: int = 0
    left_in: Counter[State] = field(default_factory=Counter)


class Pace:
    """Lets so many through per second, evenly: unused room of more than a moment is lost."""

    MOMENT_SECONDS: Final = 0.1

    def __init__(self, per_second: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, per_second * self.MOMENT_SECONDS)
        self._room = self._most
        self._at = clock.now()

    def take(self, wanted: int) -> int:
        """Return how many of `wanted` may go now; they count as gone."""
        now = clock.now()
        self._room = min(self._most, self._room + (now - self._at) * self._per_second)
        self._at = now
        taken = min(wanted, int(self._room))
        self._room -= taken
        return taken

    def give_back(self, unused: int) -> None:
        """Make room again for what was taken and not used."""
        self._room += unused

    @property
    def wait_seconds(self) -> float:
        """How long until at least one more may go."""
        return max(0.0, (1.0 - self._room) / self._per_second)


class Recovery:
    """A worker: its claims in flight, its pace, and its connections."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._perform = desk.awaiting_performer()
        self._pace = Pace(desk.policy.recovery_per_second)
        self._in_flight: set[asyncio.Task[None]] = set()
        self._attendance = Attendance(desk.journal, desk.host_copy)

    async def run(self, stop: asyncio.Event) -> None:
        """Recover until `stop` is set; what is in flight then is handed back."""
        report = Report()
        tidying = asyncio.create_task(self._tidy_from_time_to_time())
        try:
            while not stop.is_set():
                went_well = await self._attempt(self._sweep(report, None, stop), "recovery")
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
            await self._attendance.renew()
            taken = await self._room_for(wanted)
            if taken == 0:
                continue
            world = turns.popleft()
            if await self._claim_and_start(world, taken, report) == taken:
                turns.append(world)

    async def _claim_and_start(self, world: str, taken: int, report: Report) -> int:
        """Claim up to `taken` payments of a world, begin with each, and say how many."""
        claimed_at, writer = clock.now(), new_tag()
        claims = await self._claim(world, writer, taken)
        self._pace.give_back(taken - len(claims))
        report.claimed += len(claims)
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
        taken = self._pace.take(min(wanted, room))
        if taken == 0:
            await asyncio.sleep(min(self._pace.wait_seconds, LOOK_SECONDS))
        return taken

    async def _claim(self, world: str, writer: str, limit: int) -> list[Claim]:
        desk = self._desk
        future = desk.journal.claim_due(
            world=world,
            writer=writer,
            limit=limit,
            hold_seconds=desk.policy.hold_seconds,
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
        task = asyncio.create_task(self._recover(claim, claimed_at, writer, report))
        self._in_flight.add(task)
        task.add_done_callback(partial(self._end, claim, writer))

    def _end(self, claim: Claim, writer: str, task: asyncio.Task[None]) -> None:
        """Forget a task; one cancelled before its first step never began the flow."""
        self._in_flight.discard(task)
        if task.cancelled() or task.exception() is not None:
            self._hand_over(claim, writer)

    async def _recover(self, claim: Claim, claimed_at: float, writer: str, report: Report) -> None:
        flow = flows.recover(claim, claimed_at, writer, self._desk.policy)
        try:
            payment = await drive_async(flow, self._perform, self._perform.hand_over)
        except Exception:  # noqa: BLE001
            # A bug met this payment; the others must not suffer, and this one is due again.
            log.bug(f"in the recovery of payment {claim.payment.merc_trx_no}")
        else:
            report.left_in[payment.state] += 1

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

    async def _look_for_strangers(self) -> None:
        """Alarm where payments are owed what only a newer netcancel can do."""
        strangers = await asyncio.wrap_future(self._desk.journal.strangers())
        if strangers:
            log.alarm_of_journal(
                "%d payments are in a state of a newer netcancel, and nobody here may touch them:"
                " see that a worker of that release runs",
                strangers,
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
