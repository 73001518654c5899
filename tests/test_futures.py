"""A future's waiter may be interrupted anywhere: who tells the result never hangs."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import Future
from dis import opname
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from netcancel.futures import SturdyFuture

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType


class Interruption(BaseException):
    """What a signal's handler raises, wherever its thread happens to be."""


LOOKS_FOR_SIGNALS = ("CALL", "RESUME", "JUMP_BACKWARD")
"""Behind these instructions the interpreter calls the handlers of signals."""


def interrupted(call: Callable[[], object], at: int) -> bool:
    """Interrupt a call at the so manieth moment where a signal may; False: it is over by then."""
    left = at
    done: dict[FrameType, str] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        frame.f_trace_opcodes = True
        if event == "opcode":
            left -= done.get(frame, "").startswith(LOOKS_FOR_SIGNALS)
            done[frame] = opname[frame.f_code.co_code[frame.f_lasti]]
            if left < 0:
                raise Interruption
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except TimeoutError:
        return False
    except (Interruption, RuntimeError):
        return True  # the latter: Condition.wait was interrupted without its lock, and says so
    finally:
        sys.settrace(before)
    return False


def can_be_told(future: Future[str]) -> bool:
    """Whether another thread can tell the result, as the journal's does."""
    teller = threading.Thread(target=future.set_result, args=["told"], daemon=True)
    teller.start()
    teller.join(2)
    return not teller.is_alive()


def fates(make: Callable[[], Future[str]], wait: Callable[[Future[str]], object]) -> list[bool]:
    """Interrupt a wait at each of its instructions; say where the result could be told after."""
    told: list[bool] = []
    for at in count():
        future = make()
        if not interrupted(lambda wait=wait, future=future: wait(future), at):  # type: ignore[misc]
            return told
        told.append(can_be_told(future))
    raise AssertionError


@pytest.mark.parametrize("name", ["result", "exception"])
def test_an_interrupted_wait_leaves_the_future_as_it_was(name: str) -> None:
    """Wherever the waiter is interrupted, the result can still be told."""
    told = fates(SturdyFuture[str], lambda future: getattr(future, name)(0.0))
    assert len(told) > 10
    assert all(told)


def test_pythons_own_future_can_be_spoilt() -> None:
    """The reason for ours; where this fails, Python has mended it."""
    assert not all(fates(Future[str], lambda future: future.result(0.0)))


def test_it_is_told_to_those_who_wait() -> None:
    """Several waiters wake up, whoever came first."""
    future = SturdyFuture[str]()
    heard: list[str] = []
    waiters = [threading.Thread(target=lambda: heard.append(future.result(20))) for _ in range(3)]
    for waiter in waiters:
        waiter.start()
    future.set_result("told")
    for waiter in waiters:
        waiter.join()
    assert heard == ["told"] * 3
