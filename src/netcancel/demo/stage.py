"""A performance: a sandbox, shops and recovery workers as processes on one journal.

The demonstration and the drill are two courses that things take on such a stage.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

from netcancel.demo import scene
from netcancel.demo.books import Told
from netcancel.demo.family import Family
from netcancel.demo.payer import read_told, told_path
from netcancel.journal.opening import open_journal
from netcancel.sandbox import RemoteSandbox
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from netcancel.core.lifecycle import State
    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal, Summary

PAYING_SECONDS: Final = 35.0
"""Payments are spread over so long, the settle time after the last included in the minute."""

PER_SECOND_MIN: Final = 10.0
"""A performance of few payments need not last as long."""

LOOK_SECONDS: Final = 0.5
GATEWAY_LOOK_SECONDS: Final = 2.0
"""How often the sandbox is asked for everything that ever arrived."""

READ_SECONDS: Final = 30.0


@dataclass(slots=True)
class Snapshot:
    """What a spectator sees."""

    total: int
    seconds: float = 0.0
    told: Mapping[str, int] = field(default_factory=dict[str, int])
    by_state: Mapping[State, int] = field(default_factory=dict["State", int])
    in_doubt: int = 0
    live: int = 0
    given_back: int = 0
    faults: int = 0
    events: tuple[str, ...] = ()

    @property
    def closed(self) -> int:
        """How many payments owe nothing any more."""
        return sum(count for state, count in self.by_state.items() if state.is_final)


class Broken(Exception):
    """The performance could not be given; says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays, and under which conditions."""

    directory: Path
    """Empty: for journal, settings and logs."""
    journal: str
    payments: int
    seed: int
    shops: Sequence[str]
    workers: Sequence[str]
    faults: Sequence[str]
    """As `sandbox --fault` takes them."""
    memory: str = "tombstone"
    policy: Mapping[str, Any] = field(default_factory=lambda: scene.POLICY)


class Stage:
    """One performance; leaving the `with` block ends every process of it."""

    def __init__(self, cast: Cast, watch: Callable[[Snapshot], None]) -> None:
        """Prepare; `watch` is shown a snapshot every moment."""
        self.cast = cast
        self.seen = Snapshot(cast.payments)
        self._watch = watch
        self._began = time.monotonic()
        self._gateway_seen = 0.0
        self._closing = ExitStack()
        self.family = Family(cast.directory, cast.directory / scene.CONFIG_NAME)
        self.tid = ""
        self.sandbox: RemoteSandbox
        self._journal: Journal

    def __enter__(self) -> Self:
        """Start everybody; raises `Broken`."""
        with ExitStack() as stack:
            stack.enter_context(self.family)
            settings = self._open_sandbox()
            journal = open_journal(settings.journal, vault_key=settings.vault_key)
            self._journal = stack.enter_context(closing(journal))
            for worker in self.cast.workers:
                self.family.start(worker, "worker")
            for worker in self.cast.workers:
                self._greeting_of(worker)
            for shop in self.cast.shops:
                self._start_shop(shop)
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def _open_sandbox(self) -> Settings:
        cast = self.cast
        words = [word for fault in cast.faults for word in ("--fault", fault)]
        words += ["--seed", str(cast.seed), "--memory", cast.memory]
        self.family.start("sandbox", "sandbox", "--json", *words)
        said = self._read_document("sandbox")
        self.sandbox = RemoteSandbox(
            said["settings"]["NETCANCEL_BASE_URL"], admin_key=said["admin_key"]
        )
        self.tid = said["settings"]["NETCANCEL_TID"]
        config = scene.write_settings(cast.directory, said, cast.journal, cast.policy)
        return Settings.load(environ={"NETCANCEL_CONFIG": str(config)})

    def _read_document(self, name: str) -> dict[str, Any]:
        text = ""
        for line in self.family.lines_of(name):
            text += line
            if line == "}\n":
                document: dict[str, Any] = json.loads(text)
                return document
        raise self._broken(name)

    def _broken(self, name: str) -> Broken:
        log = self.family.log_path(name)
        last = (log.read_text(encoding="utf-8").strip().splitlines() or ["it said nothing"])[-1]
        return Broken(f"{name} ended too early: {last}")

    def _greeting_of(self, worker: str) -> None:
        """Wait until a worker says that it works."""
        if not self.family.lines_of(worker).readline():
            raise self._broken(worker)

    def _start_shop(self, shop: str) -> None:
        cast = self.cast
        per_second = max(PER_SECOND_MIN, cast.payments / PAYING_SECONDS) / len(cast.shops)
        self.family.start(
            shop,
            "payer",
            f"--shop={shop}",
            f"--count={self._count_of(shop)}",
            f"--seed={cast.seed}",
            f"--per-second={per_second}",
            f"--directory={cast.directory}",
        )

    def _count_of(self, shop: str) -> int:
        """Share the payments out; the first shop takes what is left over."""
        share, rest = divmod(self.cast.payments, len(self.cast.shops))
        return share + (rest if shop == self.cast.shops[0] else 0)

    def kill(self, name: str) -> None:
        """Kill a shop or a worker, which loses what it holds, and start the one that replaces it.

        A shop that has done its part is left alone.
        """
        if not self.family.is_running(name):
            return
        self.family.kill(name)
        self.note(f"{name} killed with SIGKILL")
        if name in self.cast.shops:
            self._start_shop(name)
        else:
            self.family.start(name, "worker")
            self._greeting_of(name)
        self.note(f"{name} replaced")

    def note(self, event: str) -> None:
        """Show what was done to somebody."""
        seconds = time.monotonic() - self._began
        self.seen.events = (*self.seen.events, f"{seconds:3.0f} s  {event}")
        self._watch(self.seen)

    def wait(self, reached: Callable[[], bool], until: float) -> bool:
        """Look until something is reached; False: it wasn't by `until`, of the monotonic clock.

        Raises `Broken` where a process ended by itself.
        """
        while time.monotonic() < until:
            for name in self.family.wake_due():
                self.note(f"{name} goes on")
            self.look()
            if failed := self.family.failed():
                raise self._broken(failed[0])
            if reached():
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def look(self) -> None:
        """Take a snapshot and show it."""
        seen, now = self.seen, time.monotonic()
        summary = self._summary()
        seen.seconds = now - self._began
        seen.told = Counter(told.outcome for told in self.told())
        seen.by_state, seen.in_doubt = summary.by_state, summary.in_doubt
        if now - self._gateway_seen >= GATEWAY_LOOK_SECONDS:
            self._gateway_seen = now
            self._look_at_gateway()
        self._watch(seen)

    def _look_at_gateway(self) -> None:
        charges = self.sandbox.charges()
        self.seen.live = sum(charge["status"] == "live" for charge in charges)
        self.seen.given_back = len(charges) - self.seen.live
        requests = self.sandbox.requests()
        self.seen.faults = sum(request["fault"] is not None for request in requests)

    def _summary(self) -> Summary:
        # Which world is ours doesn't matter: the journal holds no other.
        return self._journal.summary(worlds=[]).result(READ_SECONDS)

    def told(self) -> list[Told]:
        """Return what the shops were told so far."""
        return [
            Told((self.tid, line["merc_trx_no"]), line["outcome"])
            for shop in self.cast.shops
            for line in read_told(told_path(self.cast.directory, shop))
        ]

    def payments(self) -> list[Payment]:
        """Read all payments of the journal with their histories."""
        limit = self.cast.payments + 1
        listed = self._journal.list_payments(limit=limit).result(READ_SECONDS)
        asked = [self._journal.find(each.tid, each.merc_trx_no) for each in listed]
        found = (each.result(READ_SECONDS) for each in asked)
        return [payment for payment in found if payment is not None]

    def share_told(self) -> float:
        """Return of which part of the payments the shops were told."""
        return sum(self.seen.told.values()) / self.cast.payments

    def all_are_told(self) -> bool:
        """Whether each shop has done its part."""
        return not any(self.family.is_running(shop) for shop in self.cast.shops)

    def all_is_closed(self) -> bool:
        """Whether nothing is owed any more, and the sandbox works nothing later."""
        is_closed = self.seen.closed == self.cast.payments
        return is_closed and self.sandbox.status()["pending"] == 0

    def still(self, *names: str) -> None:
        """End these processes, so that they move nothing any more, and look for the last time."""
        self.family.end(*names)
        self._gateway_seen = 0.0
        self.look()
