"""The third driver of flows: it performs effects in virtual time, and suffers the planned faults.

A killed process closes its flow without a word. An interrupted one throws `Interrupted` in and
performs what the flow asks for in its last moment, as the real drivers do.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.effects import (
    Alarm,
    CancelStamp,
    Draw,
    Effect,
    Exchange,
    Flow,
    HandOver,
    Now,
    Sign,
    SignAgain,
    Signed,
    Sleep,
    StampCancel,
)
from netcancel.drive import Interrupted
from netcancel.errors import NetcancelError
from netcancel.kicc import seoul_date_and_time

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.core.payment import Payment
    from proof.simulation.faults import Fault
    from proof.simulation.run import Run
    from proof.simulation.slot import Slot


class Process:
    """One flow at work for one payment."""

    __slots__ = ("_flow", "_run", "_stays", "_tell", "is_over", "slot", "turn")

    def __init__(
        self, run: Run, slot: Slot, flow: Flow[Payment], tell: Callable[[Payment], None]
    ) -> None:
        """`tell` hears how the flow ended; nobody hears of a killed or an interrupted one."""
        self._run = run
        self._flow = flow
        self._tell = tell
        self._stays: Fault | None = None
        self.slot = slot
        self.turn = 0
        """Which waiting is on; an answer to an earlier one comes too late."""
        self.is_over = False

    def begin(self) -> None:
        """Take the first step."""
        self._advance(None)

    def answer_after(self, seconds: float, answer: Any) -> None:  # noqa: ANN401  of the effect's type
        """Answer the present waiting in so many seconds."""
        self._run.clockwork.after(seconds, partial(self.resume, self.turn, answer))

    def resume(self, turn: int, answer: Any) -> None:  # noqa: ANN401  of the effect's type
        """Go on with the answer to a waiting, unless the process has died or gone on since."""
        if self.is_over or turn != self.turn:
            return
        self.turn += 1
        if self._stays is not None:
            fault, self._stays = self._stays, None
            if fault.kind == "crash-after":
                self.die()
            else:
                self._run.clockwork.after(
                    self._pause_seconds(fault), partial(self._wake, self.turn, answer)
                )
            return
        self._advance(answer)

    def die(self) -> None:
        """Be killed."""
        self.is_over = True
        self._flow.close()

    def _wake(self, turn: int, answer: Any) -> None:  # noqa: ANN401  of the effect's type
        if not self.is_over and turn == self.turn:
            self._advance(answer)

    def _advance(self, answer: Any) -> None:  # noqa: ANN401  of the effect's type
        """Perform effects until one must be waited for."""
        send, slot = self._flow.send, self.slot
        try:
            effect = send(answer)
            while True:
                slot.steps += 1
                if slot.at_step and (fault := slot.at_step.pop(slot.steps, None)) is not None:
                    self._run.hits[f"fault: {fault.kind}"] += 1
                    self._suffer(effect, fault)
                    return
                at_once = AT_ONCE.get(type(effect))
                if at_once is None:
                    self._wait_for(effect)
                    return
                effect = send(at_once(self._run, slot, effect))
        except StopIteration as stop:
            self.is_over = True
            self._tell(stop.value)
        except NetcancelError as error:
            self.is_over = True
            self._run.hits[f"told: {type(error).__name__}"] += 1

    def _perform(self, effect: Effect[Any]) -> None:
        """Perform one effect, and go on from there."""
        if self.is_over:
            return
        at_once = AT_ONCE.get(type(effect))
        if at_once is None:
            self._wait_for(effect)
        else:
            self.resume(self.turn, at_once(self._run, self.slot, effect))

    def _wait_for(self, effect: Effect[Any]) -> None:
        match effect:
            case Exchange():
                self._run.gateway.exchange(self, effect)
            case Sleep(seconds):
                self.answer_after(seconds, None)
            case _:
                self._run.database.ask(self, effect)

    def _suffer(self, effect: Effect[Any], fault: Fault) -> None:
        self._run.befall(self.slot, self._pause_seconds(fault))
        match fault.kind:
            case "crash-before":
                self.die()
            case "paused-before":
                self._run.clockwork.after(
                    self._pause_seconds(fault), partial(self._perform, effect)
                )
            case "interrupted":
                self._interrupt_in(effect, 0.2 * fault.size)
            case _:
                self._stays = fault
                self._perform(effect)

    def _pause_seconds(self, fault: Fault) -> float:
        if fault.kind == "paused-beyond-lease":  # at times until a person has closed it
            return self._run.policy.hold_seconds * (1.0 + 5.0 * fault.size + 500.0 * fault.size**8)
        return 10.0 * fault.size**2

    def _interrupt_in(self, effect: Effect[Any], seconds: float) -> None:
        if type(effect) not in AT_ONCE:
            self._wait_for(effect)
        self._run.clockwork.after(seconds, partial(self._interrupt, self.turn))

    def _interrupt(self, turn: int) -> None:
        """Throw the interruption in, if the flow still waits; perform its last word."""
        if self.is_over or turn != self.turn:
            return
        self.is_over = True
        try:
            effect = self._flow.throw(Interrupted())
            while True:
                if not isinstance(effect, HandOver):
                    raise TypeError(f"an interrupted flow can't have {effect}")
                self._run.database.hand_over(self.slot, effect)
                effect = self._flow.send(None)
        except (StopIteration, Interrupted, NetcancelError):
            return


def _now(run: Run, _slot: Slot, _effect: Effect[Any]) -> float:
    return run.clockwork.now


def _draw(run: Run, slot: Slot, _effect: Effect[Any]) -> float:
    return run.dice(slot)


def _sign(run: Run, _slot: Slot, effect: Any) -> Signed:  # noqa: ANN401  a Sign
    return _signed(run, effect, run.secret)


def _sign_again(run: Run, _slot: Slot, effect: Any) -> Signed | None:  # noqa: ANN401  a SignAgain
    return None if run.secret == 0 else _signed(run, effect, run.secret - 1)


def _signed(run: Run, effect: Any, secret: int) -> Signed:  # noqa: ANN401  as above
    now, wall = run.clockwork.now, run.wall()
    return run.level.sign(secret, effect.path, effect.body, now=now, wall=wall)


def _stamp(run: Run, _slot: Slot, _effect: Effect[Any]) -> CancelStamp:
    run.stamps += 1
    return CancelStamp(f"CANCEL_{run.stamps}", *seoul_date_and_time(run.wall()))


def _alarm(run: Run, _slot: Slot, _effect: Effect[Any]) -> None:
    run.hits["alarms"] += 1


AT_ONCE: Final[dict[type, Callable[[Run, Slot, Any], Any]]] = {
    Now: _now,
    Draw: _draw,
    Sign: _sign,
    SignAgain: _sign_again,
    StampCancel: _stamp,
    Alarm: _alarm,
}
"""Effects that take no time."""
