"""One thread that does everything with a database, and commits for many callers at once.

Callers hand work over and get a future, which is done only after the commit: nothing is told that
is not durable. What arrives while a commit runs is the next batch, so one sync serves many; where
many came, the next batch waits a moment for its company.

No session crosses a fork: a child would inherit what the database's library believes of the file,
but not its locks. So a fork waits for the batch at hand, and the session is closed before it. The
parent opens the next one with its next batch; the child begins a thread of its own with its first
call. Futures that were pending at the fork are the parent's; the child must not wait for them.
"""

from __future__ import annotations

import _thread
import os
import queue
import threading
import time
import weakref
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from netcancel.errors import JournalUnavailable
from netcancel.futures import SturdyFuture
from netcancel.journal.batch import Session, Task, Work, close_session, serve
from netcancel.journal.contract import JournalClosed

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
S = TypeVar("S", bound=Session)

BATCH_MAX: Final = 256
"""Most operations in one commit: an operation waits behind so many at most."""

CROWD: Final = 4
"""So many operations in a batch are a crowd: the next one may expect company."""

COMPANY_SECONDS_EACH: Final = 0.000_15
"""How long a batch waits for its company, for each operation of the crowd before it: about as long
as its callers need to come back. A commit costs the same whomever it serves, and each turn of the
thread makes an event loop wait for the interpreter's lock."""

COMPANY_SECONDS_MAX: Final = 0.01
"""No batch waits longer, however large the crowd was."""

LOOK_SECONDS: Final = 0.1
"""How often those who wait for each other at a fork make sure that there is still a reason."""


class _Wish(Enum):
    """What the thread may be asked for besides work."""

    REST = auto()
    END = auto()


class Writer(Generic[S]):
    """Runs work in a session that `connect` opens; `pause` lets so many seconds go by."""

    def __init__(
        self, connect: Callable[[], S], pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._connect = connect
        self._pause = pause
        self._is_closed = False
        self.begin_anew()
        _forks.watch(self)

    def begin_anew(self) -> None:
        """Have neither thread nor work: a child's state after a fork."""
        self._lock = threading.Lock()
        self._runner = _Runner(self._connect, self._pause)
        self._is_begun = False

    def ask_to_rest(self) -> None:
        """Have the thread close the session after the batch at hand, and hold still."""
        self._runner.ask_to_rest()

    def wait_until_resting(self) -> None:
        """Return when no session is open and none will be."""
        while self._runner.is_at_work:
            if self._runner.is_resting(LOOK_SECONDS):
                return

    def go_on(self) -> None:
        """End the rest."""
        self._runner.go_on()

    def submit(self, work: Work[S, T], *, writes: bool) -> SturdyFuture[T]:
        """Hand work over; its future is done when its transaction is durable."""
        future = SturdyFuture[T]()
        with self._lock:
            if self._is_closed:
                future.set_exception(JournalClosed("the journal is closed"))
                return future
            if not self._is_begun:
                try:
                    self._start()
                except RuntimeError as error:  # the system gives no more threads
                    future.set_exception(JournalUnavailable(f"no thread for the journal: {error}"))
                    return future
            self._runner.put(Task(work, writes, future))
        return future

    def close(self) -> None:
        """Finish what was handed over, and end the thread."""
        with self._lock:
            self._is_closed = True
            self._runner.put(_Wish.END)
            is_begun = self._is_begun
        if is_begun:
            self._runner.wait_for_the_end()

    def _start(self) -> None:
        """Start the thread. Interrupted, it may have started: then the next one has no work."""
        threading.Thread(target=self._runner.run, name="netcancel-journal", daemon=True).start()
        self._is_begun = True


class _Forks:
    """Has every writer of this process rest while it forks."""

    def __init__(self) -> None:
        self._writers: weakref.WeakSet[Writer[Any]] = weakref.WeakSet()
        self._is_forking = False
        self._was_interrupted = False

    def watch(self, writer: Writer[Any]) -> None:
        """Think of a new writer at every fork, also at one that is under way."""
        self._writers.add(writer)
        if self._is_forking:
            writer.ask_to_rest()

    def before(self) -> None:
        """Bring all writers to rest. A fork can't be called off: an interruption is kept for after.

        Every step may be taken twice, so whatever is interrupted is simply done again.
        """
        self._is_forking, self._was_interrupted = True, False
        is_quiet = False
        while not is_quiet:
            try:
                for writer in list(self._writers):
                    writer.ask_to_rest()
                for writer in list(self._writers):
                    writer.wait_until_resting()
                is_quiet = True
            except BaseException:  # noqa: BLE001  a signal's handler may raise anything
                self._was_interrupted = True

    def after_in_parent(self) -> None:
        """Let them go on, and interrupt the main thread if it was to be interrupted."""
        self._is_forking = False
        for writer in list(self._writers):
            writer.go_on()
        if self._was_interrupted:
            # What is raised in here is lost: the main thread is interrupted when it has left.
            threading.Timer(LOOK_SECONDS, _thread.interrupt_main).start()

    def after_in_child(self) -> None:
        """Let them begin anew: their threads were left behind."""
        self._is_forking = False
        for writer in list(self._writers):
            writer.begin_anew()


_forks: Final = _Forks()
os.register_at_fork(
    before=_forks.before,
    after_in_parent=_forks.after_in_parent,
    after_in_child=_forks.after_in_child,
)


class _Runner(Generic[S]):
    """The thread's side: takes tasks, and rests when it is asked to."""

    def __init__(self, connect: Callable[[], S], pause: Callable[[float], None]) -> None:
        self._connect = connect
        self._pause = pause
        self._tasks: queue.SimpleQueue[Task[S] | _Wish] = queue.SimpleQueue()
        self._is_taken = threading.Lock()
        self._has_begun = threading.Event()
        self._thread: threading.Thread | None = None
        self._shall_rest = threading.Event()
        self._rests = threading.Event()
        self._may_go_on = threading.Event()

    def put(self, task: Task[S] | _Wish) -> None:
        """Queue a task, or a wish."""
        self._tasks.put(task)

    @property
    def is_at_work(self) -> bool:
        """Whether another thread than the caller's is running this."""
        thread = self._thread
        is_other = thread is not threading.current_thread()
        return thread is not None and is_other and thread.is_alive()

    def wait_for_the_end(self) -> None:
        """Return when the thread that was started has ended."""
        self._has_begun.wait()
        if self._thread is not None:
            self._thread.join()

    def run(self) -> None:
        """Work until told to end, unless another thread does already."""
        if not self._is_taken.acquire(blocking=False):
            return
        self._thread = threading.current_thread()
        self._has_begun.set()
        session: S | None = None
        batch: list[Task[S]] = []
        is_open = True
        while is_open:
            if self._shall_rest.is_set():
                close_session(session)
                session = None
                self._rest()
            task = self._tasks.get()
            if len(batch) >= CROWD:
                self._pause(min(len(batch) * COMPANY_SECONDS_EACH, COMPANY_SECONDS_MAX))
            batch, is_open = self._batch_of(task)
            session = serve(self._connect, session, batch)
        close_session(session)

    def ask_to_rest(self) -> None:
        """Rest from the next batch on; may be said again."""
        self._may_go_on.clear()
        self._shall_rest.set()
        self._tasks.put(_Wish.REST)

    def is_resting(self, seconds: float) -> bool:
        """Wait so long for the rest to begin, and say whether it has."""
        return self._rests.wait(seconds)

    def go_on(self) -> None:
        """End the rest; may be said again."""
        self._shall_rest.clear()
        self._rests.clear()
        self._may_go_on.set()

    def _rest(self) -> None:
        # Said again and again: a second fork may ask while the first one's end is not seen yet.
        while self._shall_rest.is_set():
            self._rests.set()
            self._may_go_on.wait(LOOK_SECONDS)

    def _batch_of(self, task: Task[S] | _Wish) -> tuple[list[Task[S]], bool]:
        """Take a task, and what there is behind it; False: it is the last."""
        batch: list[Task[S]] = []
        while isinstance(task, Task):
            if task.future.set_running_or_notify_cancel():
                batch.append(task)
            if len(batch) >= BATCH_MAX or self._tasks.empty():
                return batch, True
            task = self._tasks.get()
        return batch, task is not _Wish.END
