"""What child processes do in tests of the duty; each says JSON values to its test."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netcancel import AsyncGuard, Guard, Outcome, Payment
from netcancel.core import flows
from netcancel.core.effects import Effect
from netcancel.core.outcomes import outcome_of
from netcancel.desk import new_tag
from netcancel.drive import drive
from netcancel.wire import clock
from tests.duty.shop import Shop, order_of

Say = Callable[[Any], None]
WAIT_SECONDS = 40.0
LOOK_SECONDS = 0.02

Perform = Callable[[Effect[Any]], Any]


class Mortal:
    """Performs effects, and kills its own process before or after one of them."""

    def __init__(self, perform: Perform, effect: int, side: str) -> None:
        self._perform = perform
        self._dies_at = effect, side
        self._count = 0

    def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        self._count += 1
        if self._dies_at == (self._count, "before"):
            os.kill(os.getpid(), signal.SIGKILL)
        answer = self._perform(effect)
        if self._dies_at == (self._count, "after"):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer


def approve_and_die(say: Say, *, shop: dict[str, Any], number: str, effect: int, side: str) -> None:
    """Approve, and die at an effect; who survives says the outcome's name."""
    our = Shop.of_words(shop)
    with our.desk() as desk:
        order = our.order(number, desk, new_tag())
        perform = Mortal(desk.blocking_performer(), effect, side)
        payment = drive(flows.approve(order, our.policy), perform)
        say(type(outcome_of(payment)).__name__)


def recover_and_die(
    say: Say, *, shop: dict[str, Any], ahead_seconds: float, effect: int, side: str
) -> None:
    """Claim one payment that is due, and die at an effect of its recovery."""
    our = Shop.of_words(shop)
    with our.desk(ahead_seconds=ahead_seconds) as desk:
        claimed_at, writer = clock.now(), new_tag()
        [claim] = desk.journal.claim_due(
            world=desk.world, writer=writer, limit=1, hold_seconds=our.policy.hold_seconds
        ).result()
        perform = Mortal(desk.blocking_performer(), effect, side)
        payment = drive(flows.recover(claim, claimed_at, writer, our.policy), perform)
        say(payment.state)


class Announcing:
    """A guard's performer that says the name of each effect before it is performed."""

    def __init__(self, guard: Guard, say: Say) -> None:
        self._inner = guard._perform
        self._say = say
        vars(guard)["_perform"] = self

    def __call__(self, effect: Effect[Any]) -> Any:
        """Perform one effect."""
        self._say(type(effect).__name__)
        return self._inner(effect)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def approve_until_interrupted(say: Say, *, shop: dict[str, Any], number: str) -> None:
    """Approve; Ctrl-C ends it, and the guard is closed in order."""
    # A test run in the background inherits that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    our = Shop.of_words(shop)
    with our.guard() as guard:
        Announcing(guard, say)
        say("ready")
        _await(go_file(our, "ready").exists)
        try:
            guard.approve(**order_of(number))
        except KeyboardInterrupt:
            say("KeyboardInterrupt")


def go_file(shop: Shop, side: str) -> Path:
    """Return the file whose appearance lets a side go on."""
    return Path(shop.journal_path).parent / f"go-{side}"


def fork_a_used_guard(say: Say, *, shop: dict[str, Any], kind: str) -> None:
    """Approve, fork, approve in the parent and close its guard, approve in the child."""
    our = Shop.of_words(shop)
    both: Guard | AsyncGuard = (
        our.guard(recovery="thread") if kind == "Guard" else our.async_guard(recovery="thread")
    )

    def approve(side: str) -> None:
        say(f"next: {side}")
        _await(go_file(our, side).exists)
        say(type(_approve(both, side)).__name__)

    approve("before")
    parent_is_done = os.pipe()
    pid = os.fork()
    if pid != 0:
        approve("parent")
        _close(both)
        os.write(parent_is_done[1], b".")
        _, status = os.waitpid(pid, 0)
        os._exit(os.waitstatus_to_exitcode(status))
    os.read(parent_is_done[0], 1)
    approve("child")
    _await(lambda: _find(both, "child").state.is_final)
    say(f"recovered by the child: {_find(both, 'child').state}")
    _close(both)
    os._exit(0)


def approve_in_silence(shop: dict[str, Any], number: str) -> None:
    """Approve with a guard of its own."""
    with Shop.of_words(shop).guard() as guard:
        guard.approve(**order_of(number))


def _approve(guard: Guard | AsyncGuard, number: str) -> Outcome:
    order = order_of(number)
    if isinstance(guard, AsyncGuard):
        return asyncio.run(guard.approve(**order))
    return guard.approve(**order)


def _find(guard: Guard | AsyncGuard, number: str) -> Payment:
    if isinstance(guard, AsyncGuard):
        payment = asyncio.run(guard.find(number))
    else:
        payment = guard.find(number)
    assert payment is not None
    return payment


def _close(guard: Guard | AsyncGuard) -> None:
    if isinstance(guard, AsyncGuard):
        asyncio.run(guard.aclose())
    else:
        guard.close()


def _await(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError
        time.sleep(LOOK_SECONDS)


def approve_at_once(say: Say, *, shop: dict[str, Any], number: str) -> None:
    """Open a guard, wait for the word, and approve."""
    our = Shop.of_words(shop)
    with our.guard() as guard:
        say("ready")
        _await(go_file(our, "ready").exists)
        say(type(guard.approve(**order_of(number))).__name__)
