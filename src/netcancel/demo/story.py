"""The course of the demonstration, from the first process to the closed books.

A sandbox, two shops and two recovery workers, each a process, on one SQLite journal. When half of
the callers have been told, one shop and one worker are killed and replaced. When everything is
closed, or the time is over, the ledger is compared with the journal and with what callers heard.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from netcancel.demo import scene
from netcancel.demo.books import Balance, Told, close_books
from netcancel.demo.family import Family
from netcancel.demo.payer import read_told, told_path
from netcancel.journal.opening import open_journal
from netcancel.sandbox import RemoteSandbox
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from netcancel.core.lifecycle import State
    from netcancel.journal.contract import Journal, Summary

SHOPS: Final = ("SHOP1", "SHOP2")
WORKERS: Final = ("worker-1", "worker-2")

PAYING_SECONDS: Final = 35.0
"""Payments are spread over so long, the settle time after the last included in the minute."""

PER_SECOND_MIN: Final = 10.0
"""A demonstration of few payments need not last as long."""

LOOK_SECONDS: Final = 0.5
GATEWAY_LOOK_SECONDS: Final = 2.0
"""How often the sandbox is asked for everything that ever arrived."""

PAYING_PATIENCE_SECONDS: Final = 120.0
CLOSING_PATIENCE_SECONDS: Final = 120.0
"""More than any lease, retry and settle time of the scene: what is open then stays open."""

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
    """The demonstration could not be given; says why."""


class Story:
    """One performance, in one directory."""

    def __init__(
        self,
        directory: Path,
        *,
        payments: int,
        seed: int,
        watch: Callable[[Snapshot], None],
    ) -> None:
        """Prepare; `watch` is shown a snapshot every moment."""
        self._directory = directory
        self._payments = payments
        self._seed = seed
        self._watch = watch
        self._began = time.monotonic()
        self._gateway_seen = 0.0
        self._seen = Snapshot(payments)
        self._tid = ""
        self._family: Family
        self._journal: Journal
        self._sandbox: RemoteSandbox

    def run(self) -> Balance:
        """Give the performance; raises `Broken`. No process of it is left, however it ends."""
        config = self._directory / scene.CONFIG_NAME
        with Family(self._directory, config) as self._family:
            settings = self._open_sandbox()
            self._journal = open_journal(settings.journal, vault_key=settings.vault_key)
            try:
                self._start_all()
                self._wait(self._half_is_told, PAYING_PATIENCE_SECONDS)
                self._kill_and_replace()
                self._wait(self._all_are_told, PAYING_PATIENCE_SECONDS)
                self._wait(self._all_is_closed, CLOSING_PATIENCE_SECONDS)
                return self._close()
            finally:
                self._journal.close()

    def _open_sandbox(self) -> Settings:
        words = [word for fault in scene.fault_words() for word in ("--fault", fault)]
        self._family.start("sandbox", "sandbox", "--json", "--seed", str(self._seed), *words)
        said = self._read_document("sandbox")
        self._sandbox = RemoteSandbox(
            said["settings"]["NETCANCEL_BASE_URL"], admin_key=said["admin_key"]
        )
        self._tid = said["settings"]["NETCANCEL_TID"]
        journal = scene.journal_in(self._directory)
        config = scene.write_settings(self._directory, said, journal)
        return Settings.load(environ={"NETCANCEL_CONFIG": str(config)})

    def _read_document(self, name: str) -> dict[str, Any]:
        text = ""
        for line in self._family.lines_of(name):
            text += line
            if line == "}\n":
                document: dict[str, Any] = json.loads(text)
                return document
        raise self._broken(name)

    def _broken(self, name: str) -> Broken:
        log = self._family.log_path(name)
        last = (log.read_text(encoding="utf-8").strip().splitlines() or ["it said nothing"])[-1]
        return Broken(f"{name} ended too early: {last}")

    def _start_all(self) -> None:
        for worker in WORKERS:
            self._family.start(worker, "worker")
        for worker in WORKERS:
            self._greeting_of(worker)
        for shop in SHOPS:
            self._start_shop(shop)

    def _greeting_of(self, worker: str) -> None:
        """Wait until a worker says that it works."""
        if not self._family.lines_of(worker).readline():
            raise self._broken(worker)

    def _start_shop(self, shop: str) -> None:
        per_second = max(PER_SECOND_MIN, self._payments / PAYING_SECONDS) / len(SHOPS)
        self._family.start(
            shop,
            "payer",
            f"--shop={shop}",
            f"--count={self._count_of(shop)}",
            f"--seed={self._seed}",
            f"--per-second={per_second}",
            f"--directory={self._directory}",
        )

    def _count_of(self, shop: str) -> int:
        """Share the payments out; the first shop takes what is left over."""
        share, rest = divmod(self._payments, len(SHOPS))
        return share + (rest if shop == SHOPS[0] else 0)

    def _kill_and_replace(self) -> None:
        """Kill a worker and, if it is still busy, a shop: what they hold is lost with them."""
        self._family.kill(WORKERS[0])
        self._note(f"{WORKERS[0]} killed with SIGKILL")
        if self._family.is_running(SHOPS[0]):
            self._family.kill(SHOPS[0])
            self._note(f"{SHOPS[0]} killed with SIGKILL")
            self._start_shop(SHOPS[0])
            self._note(f"{SHOPS[0]} replaced")
        self._family.start(WORKERS[0], "worker")
        self._greeting_of(WORKERS[0])
        self._note(f"{WORKERS[0]} replaced")

    def _note(self, event: str) -> None:
        self._seen.events = (
            *self._seen.events,
            f"{time.monotonic() - self._began:3.0f} s  {event}",
        )
        self._watch(self._seen)

    def _wait(self, reached: Callable[[], bool], patience_seconds: float) -> None:
        """Look until something is reached, or for so long; what is open then shows in the books."""
        until = time.monotonic() + patience_seconds
        while time.monotonic() < until:
            self._look()
            if failed := self._family.failed():
                raise self._broken(failed[0])
            if reached():
                return
            time.sleep(LOOK_SECONDS)

    def _look(self) -> None:
        seen, now = self._seen, time.monotonic()
        summary = self._summary()
        seen.seconds = now - self._began
        seen.told = Counter(told.outcome for told in self._told())
        seen.by_state, seen.in_doubt = summary.by_state, summary.in_doubt
        if now - self._gateway_seen >= GATEWAY_LOOK_SECONDS:
            self._gateway_seen = now
            charges = self._sandbox.charges()
            seen.live = sum(charge["status"] == "live" for charge in charges)
            seen.given_back = len(charges) - seen.live
            seen.faults = sum(request["fault"] is not None for request in self._sandbox.requests())
        self._watch(seen)

    def _summary(self) -> Summary:
        # Which world is ours doesn't matter: the journal holds no other.
        return self._journal.summary(worlds=[]).result(READ_SECONDS)

    def _told(self) -> list[Told]:
        return [
            Told((self._tid, line["merc_trx_no"]), line["outcome"])
            for shop in SHOPS
            for line in read_told(told_path(self._directory, shop))
        ]

    def _half_is_told(self) -> bool:
        return 2 * sum(self._seen.told.values()) >= self._payments

    def _all_are_told(self) -> bool:
        return not any(self._family.is_running(shop) for shop in SHOPS)

    def _all_is_closed(self) -> bool:
        return self._seen.closed == self._payments and self._sandbox.status()["pending"] == 0

    def _close(self) -> Balance:
        """Stop recovery, so that nothing moves any more, and compare."""
        self._family.end(*WORKERS)
        payments = self._journal.list_payments(limit=self._payments + 1).result(READ_SECONDS)
        self._gateway_seen = 0.0
        self._look()
        return close_books(self._sandbox.charges(), payments, self._told())
