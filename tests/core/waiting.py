"""Drives flows that wait: their pauses pass at once, and are their clock."""

from collections.abc import Callable
from typing import Any

from netcancel.core.effects import Effect, Flow, Now, Sleep


def run_waiting(
    flow: Flow[Any],
    answer: Callable[[Effect[Any]], Any],
    waits: list[float],
    *,
    begun_at: float = 0.0,
) -> Any:
    """Run a flow to its end; `waits` gets its pauses, `answer` says what all else is answered."""
    said: Any = None
    while True:
        try:
            effect = flow.send(said)
        except StopIteration as stop:
            return stop.value
        match effect:
            case Now():
                said = begun_at + sum(waits)
            case Sleep(wait):
                waits.append(wait)
                said = None
            case _:
                said = answer(effect)
