"""The life of a journal in memory: its workers, its marks and its hold."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netcancel.journal import writes
from netcancel.journal.life import (
    Hold,
    Mark,
    Presence,
    Worker,
    has_gone_back,
    is_behind,
    new_id,
    went_back,
)
from netcancel.journal.living import FORGET_SECONDS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence


class MemoryLife:
    """What `living` does in a database; its journal lets one caller in at a time."""

    def __init__(self) -> None:
        self.hold: Hold | None = None
        self._workers: dict[str, Worker] = {}
        self._lives = [Mark(new_id(), 0)]

    def check_in(
        self, worker: str, host: str, alive_seconds: float, now: int, *,
        remembered: Collection[Mark | None], is_empty: bool,
    ) -> Presence:  # fmt: skip
        """Note a worker, and count the present life up; hold it if it went back in time."""
        known = self._workers.get(worker, Worker(worker, host, now, now))
        self._workers[worker] = replace(known, seen_at=now)
        forgotten, dead = writes.after(now, -FORGET_SECONDS), writes.after(now, -alive_seconds)
        self._workers = {
            each.id: each for each in self._workers.values() if each.seen_at >= forgotten
        }
        found = self._lives[-1]
        self._lives[-1] = mark = Mark(found.id, found.count + 1)
        presence = Presence(
            workers=sum(each.seen_at >= dead for each in self._workers.values()),
            found=found,
            mark=mark,
            replaced=frozenset(life.id for life in self._lives[:-1]),
            is_empty=is_empty,
            hold=self.hold,
        )
        if has_gone_back(presence, remembered):
            return replace(presence, hold=self.hold_if_unheld(went_back(host), now))
        return presence

    def check_out(self, worker: str) -> None:
        """Forget a worker."""
        self._workers.pop(worker, None)

    def workers(self) -> Sequence[Worker]:
        """Return who is there."""
        return sorted(self._workers.values(), key=lambda each: (each.started_at, each.id))

    def hold_if_unheld(self, reason: str, now: int) -> Hold:
        """Place a hold, unless one stands."""
        self.hold = self.hold or Hold(reason, now)
        return self.hold

    def release_hold(self) -> Mark | None:
        """End the hold and begin a new life; None: there was no hold."""
        if self.hold is None:
            return None
        self.hold = None
        self._lives.append(Mark(new_id(), 0))
        return self._lives[-1]

    def may_be_claimed(self, seen: Mark | None) -> bool:
        """Whether no hold stands, and the journal isn't behind what a worker has seen of it."""
        return self.hold is None and not is_behind(self._lives, seen)
