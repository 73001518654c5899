"""Futures whose waiter a signal may interrupt at any moment.

A waiter of Python's own `Future` takes its lock in a function of Python's. Where Ctrl-C strikes
between that and the block that would release it, the lock stays taken for ever, and whoever wants
to tell the result hangs: a thread that serves many more than this waiter. Here nothing of Python's
stands between the two.
"""

from __future__ import annotations

import _thread
import threading
from collections import deque
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class _Condition(_thread.RLock, threading.Condition):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    """A condition that is its own lock: entering and leaving it are the lock's, written in C.

    The type checkers' stubs call the lock's class final; CPython's isn't.
    """

    def __init__(self) -> None:
        self._waiters: deque[object] = deque()


class SturdyFuture(Future[T]):
    """A future that can always be told its result, whatever interrupted its waiters."""

    def __init__(self) -> None:
        super().__init__()
        self._condition = _Condition()
