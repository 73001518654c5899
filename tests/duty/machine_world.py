"""What the machine of the public API plays with: virtual time, and a journal that can fail."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from netcancel.core.effects import (
    Confirm,
    Effect,
    Note,
    Now,
    Open,
    Sign,
    Sleep,
    Unavailable,
    Write,
)
from netcancel.journal import open_journal
from netcancel.sandbox import Sandbox
from tests.canaries import SECRET
from tests.duty.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from netcancel import Guard

LOST, LOST_AFTER_ALL = "not written", "written, and nobody heard of it"
"""What becomes of a commit that fails."""


class Died(BaseException):
    """The process of the guard is gone, in the middle of something."""


@dataclass
class Trouble:
    """What is to go wrong next; each once."""

    commit: str | None = None
    dies_at: int = 0
    """Before the effect of this number, counted from now; 0: it lives on."""


class Performer:
    """Performs a guard's effects: time passes only by sleeping, and trouble comes on demand."""

    def __init__(self, perform: Callable[[Effect[Any]], Any], world: World) -> None:
        self._perform = perform
        self._world = world
        self._is_dead = False

    def __call__(self, effect: Effect[Any]) -> Any:
        """Return the effect's answer."""
        self._die_if_due()
        match effect:
            case Now():
                return self._perform(effect) + self._world.ahead_seconds
            case Sleep(seconds):
                self._world.ahead_seconds += seconds
                return None
            case Sign():
                signed = self._perform(effect)
                return replace(signed, at=signed.at + self._world.ahead_seconds)
            case Open() | Write() | Note() | Confirm():
                return self._commit(effect)
        return self._perform(effect)

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._perform.close()  # type: ignore[attr-defined]

    def _die_if_due(self) -> None:
        trouble = self._world.trouble
        if trouble.dies_at:
            trouble.dies_at -= 1
            self._is_dead = not trouble.dies_at
        if self._is_dead:
            raise Died

    def _commit(self, effect: Effect[Any]) -> Any:
        fate, self._world.trouble.commit = self._world.trouble.commit, None
        if fate == LOST:
            return Unavailable("the disk is gone for a moment")
        result = self._perform(effect)
        return Unavailable("no answer") if fate == LOST_AFTER_ALL else result


class World:
    """A sandbox, a journal in a file, and the guard that is open on it."""

    def __init__(self, directory: Path) -> None:
        self.ahead_seconds = 0.0
        self.trouble = Trouble()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr("netcancel.sandbox.world.SECRET_KEY", SECRET)
        self._patch.setattr("netcancel.desk.open_journal", partial(open_journal, clock=self.now))
        self.van = Sandbox().start()
        self.shop = Shop.at(self.van, directory)
        self.guard = self._open()

    def now(self) -> float:
        """Return the journal's time, in seconds since the epoch."""
        return time.time() + self.ahead_seconds

    def restart(self) -> None:
        """Close the guard and open another on the same journal; what was to go wrong won't."""
        self.trouble = Trouble()
        self.guard.close()
        self.guard = self._open()

    def close(self) -> None:
        """End everything."""
        self.guard.close()
        self.van.close()
        self._patch.undo()

    def _open(self) -> Guard:
        guard = self.shop.guard()
        guard.__dict__["_perform"] = Performer(guard._perform, self)
        return guard
