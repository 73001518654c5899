"""One thread that does everything with a database, and commits for many callers at once.

Callers hand work over and get a future, which is done only after the commit: nothing is told that
is not durable. What arrives while a commit runs is the next batch, so one sync serves many.

The session lives in the thread's own frame. After a fork the child has neither that thread nor its
frame: it can't touch or close the parent's connection (both would corrupt the file), and begins a
thread and a session of its own with its first call. Futures that were pending at the fork are the
parent's; the child must not wait for them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import weakref
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final, Generic, Protocol, TypeVar

from netcancel.core.payment import MICROSECONDS
from netcancel.errors import JournalUnavailable

T = TypeVar("T")
S_contra = TypeVar("S_contra", contravariant=True)
S = TypeVar("S", bound="Session")

BATCH_MAX: Final = 256
"""Most operations in one commit: an operation waits behind so many at most."""


class Session(Protocol):
    """A connection to a database, used by one thread only."""

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction; with `writes`, no other writer is let in until its end."""

    def commit(self) -> None:
        """Make the transaction durable; what it raises leaves open whether it is."""

    def roll_back(self) -> None:
        """Undo the transaction, if one is open."""

    def close(self) -> None:
        """Release the connection."""

    def is_trouble(self, error: Exception) -> bool:
        """Whether an error comes from the database's state, not from a bug of ours."""


Work = Callable[[S_contra, int], T]
"""What to do in a session at a time in microseconds."""


@dataclass(frozen=True, slots=True)
class _Task(Generic[S]):
    work: Work[S, Any]
    writes: bool
    future: Future[Any]


class Writer(Generic[S]):
    """Runs work in a session that `connect` opens; `clock` tells the time in seconds."""

    def __init__(self, connect: Callable[[], S], clock: Callable[[], float]) -> None:
        self._connect = connect
        self._clock = clock
        self._is_closed = False
        self.forget_thread()
        _writers.add(self)

    def forget_thread(self) -> None:
        """Begin anew without touching anything that a lost thread may have held."""
        self._lock = threading.Lock()
        self._tasks: queue.SimpleQueue[_Task[S] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def submit(self, work: Work[S, T], *, writes: bool) -> Future[T]:
        """Hand work over; its future is done when its transaction is durable."""
        future: Future[T] = Future()
        with self._lock:
            if self._is_closed:
                future.set_exception(JournalUnavailable("the journal is closed"))
                return future
            if self._thread is None:
                self._thread = self._start()
            self._tasks.put(_Task(work, writes, future))
        return future

    def close(self) -> None:
        """Finish what was handed over, and end the thread."""
        with self._lock:
            self._is_closed = True
            self._tasks.put(None)
            thread = self._thread
        if thread is not None:
            thread.join()

    def _start(self) -> threading.Thread:
        runner = _Runner(self._connect, self._clock, self._tasks)
        thread = threading.Thread(target=runner.run, name="netcancel-journal", daemon=True)
        thread.start()
        return thread


_writers: weakref.WeakSet[Writer[Any]] = weakref.WeakSet()


def _forget_the_parents_threads() -> None:
    for writer in _writers:
        writer.forget_thread()


os.register_at_fork(after_in_child=_forget_the_parents_threads)


class _Runner(Generic[S]):
    """The thread's side."""

    def __init__(
        self,
        connect: Callable[[], S],
        clock: Callable[[], float],
        tasks: queue.SimpleQueue[_Task[S] | None],
    ) -> None:
        self._connect = connect
        self._clock = clock
        self._tasks = tasks

    def run(self) -> None:
        """Work until told to end; the session stays in this frame."""
        session: S | None = None
        is_open = True
        while is_open:
            batch, is_open = self._next_batch()
            session = self._serve(session, batch)
        if session is not None:
            session.close()

    def _next_batch(self) -> tuple[list[_Task[S]], bool]:
        """Wait for work, and take what there is; False: it is the last."""
        batch: list[_Task[S]] = []
        task = self._tasks.get()
        while task is not None:
            if task.future.set_running_or_notify_cancel():
                batch.append(task)
            if len(batch) >= BATCH_MAX or self._tasks.empty():
                return batch, True
            task = self._tasks.get()
        return batch, False

    def _serve(self, session: S | None, batch: Sequence[_Task[S]]) -> S | None:
        """Run a batch and tell its callers; return the session, None where it must be new."""
        if not batch:
            return session
        try:
            session = session or self._connect()
            session.begin(writes=any(task.writes for task in batch))
            now = round(self._clock() * MICROSECONDS)
        except Exception as error:  # noqa: BLE001  whatever it was, the callers must hear of it
            return _give_up(session, batch, _unavailable(error))
        try:
            results = [task.work(session, now) for task in batch]
        except Exception as error:  # noqa: BLE001  likewise
            return self._serve_alone(session, batch, error)
        try:
            session.commit()
        except Exception as error:  # noqa: BLE001  it may be durable or not: the callers read again
            return _give_up(session, batch, _unavailable(error))
        for task, result in zip(batch, results, strict=True):
            task.future.set_result(result)
        return session

    def _serve_alone(self, session: S, batch: Sequence[_Task[S]], error: Exception) -> S | None:
        """Undo a batch in which one operation failed, and run each by itself."""
        if len(batch) == 1:
            is_trouble = session.is_trouble(error)
            return _give_up(session, batch, _unavailable(error) if is_trouble else error)
        survivor = _undo(session)
        for task in batch:
            survivor = self._serve(survivor, [task])
        return survivor


def _undo(session: S) -> S | None:
    """Roll back; a session that can't is given up."""
    try:
        session.roll_back()
    except Exception:  # noqa: BLE001  a broken connection is replaced, whatever broke it
        with contextlib.suppress(Exception):
            session.close()
        return None
    return session


def _give_up(session: S | None, batch: Sequence[_Task[S]], error: Exception) -> S | None:
    """Roll back, and tell every caller of a batch."""
    survivor = None if session is None else _undo(session)
    for task in batch:
        task.future.set_exception(error)
    return survivor


def _unavailable(error: Exception) -> JournalUnavailable:
    """Say what a database's error means to callers."""
    unavailable = JournalUnavailable(f"the journal can't be read or written: {error}")
    unavailable.__cause__ = error
    return unavailable
