"""One campaign on one journal: trouble for a while, then calm, then the books are closed."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import ExitStack, closing
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from campaigns.network import connections_to, held_by_the_kernel
from campaigns.payer import NO_JOURNAL
from campaigns.processes import Processes
from campaigns.promises import Evidence, check
from campaigns.record import read_record
from campaigns.relay import Cut
from campaigns.report import Report
from campaigns.terms import BEFORE_OUTAGES, TIMEOUT_SECONDS, USUAL
from campaigns.troubles import OF_PROCESSES, OF_WORKERS, PAUSED_MAX, Blow, Trouble, blows
from netcancel.cli.exits import Exit
from netcancel.core.policy import Policy
from netcancel.demo import scene
from netcancel.errors import JournalUnavailable
from netcancel.journal.opening import open_journal
from netcancel.sandbox import RemoteSandbox
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from campaigns.network import Link
    from campaigns.servers import Server
    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal

SHOPS: Final = ("SHOP1", "SHOP2", "SHOP3", "SHOP4")
WORKERS: Final = ("worker-1", "worker-2", "worker-3", "worker-4")
PER_SECOND: Final = 5.0
"""Payments of each shop."""

FAULT_RATE: Final = "0.004"
"""Of each of the thirty-odd ways to lose an approval: together about one in eight is lost."""

SLOW_SECONDS: Final = 0.6
"""Until an approval is answered that is answered slowly, in time."""

ODD_RATE: Final = 0.03
ODD_CODE: Final = "5831"
"""The end of 8035 and the beginning of 8311: whoever looks for it in a text of codes finds it."""

OUTAGE_SECONDS: Final = 8.0
"""How long a link is down from the moment on at which a kernel holds what was sent.

A kernel sends again what was sent into it at growing intervals, after 6.2 s for instance, and then
after 12.6 s. So what is sent in the first second or two would arrive when recovery, which tries at
least every two seconds, has voided the payment for good.
"""

CONNECTIONS_MIN: Final = 10
"""As many are up when a link goes down: more than one shop and the workers keep."""

MEETING_SECONDS: Final = 10.0
"""Most that an outage waits for them, and for what is sent into it."""

AWAY_SECONDS: Final = 0.5
"""How long the server is away before somebody is stranded: answers of the gateway come by then."""

TICK_SECONDS: Final = 0.05
START_PATIENCE_SECONDS: Final = 30.0
CALM_PATIENCE_SECONDS: Final = 90.0
"""More than any pause, lease, retry and settle time: what is open then stays open."""
READ_SECONDS: Final = 30.0
PAYMENTS_MAX: Final = 1_000_000
CHILD: Final = "netcancel.cli.demo_child"


class Campaign:
    """Four shops and four workers, on a journal that is a file, or behind a server's relay."""

    def __init__(
        self,
        name: str,
        directory: Path,
        seed: int,
        *,
        server: Server | None = None,
        link: Link | None = None,
    ) -> None:
        """`name`: the journal's kind; `server` None: a file in `directory`.

        `link`: all there is between the processes and the gateway; None: nothing goes down.
        """
        self._name = name
        self._directory = directory
        self._seed = seed
        self._server = server
        self._link = link
        self._terms = USUAL if link is None else BEFORE_OUTAGES
        self._blows: Counter[Trouble] = Counter()
        self._lease_seconds = Policy(timeout_seconds=TIMEOUT_SECONDS).hold_seconds

    def run(self, duration_seconds: float) -> Report:
        """Make trouble for so long, wait until all is closed, and report; ends all it started."""
        with ExitStack() as stack:
            if self._server is not None:
                stack.enter_context(self._server)
            processes = Processes(self._directory, self._directory / scene.CONFIG_NAME)
            self._processes = stack.enter_context(processes)
            settings = self._open_sandbox()
            opened = open_journal(settings.journal, vault_key=settings.vault_key)
            self._journal: Journal = stack.enter_context(closing(opened))
            for place, shop in enumerate(SHOPS):
                self._start_shop(shop, place)
            for worker in WORKERS:
                allowed = frozenset({int(Exit.WRONG)})
                processes.start(worker, CHILD, "worker", allowed=allowed)
            self._tend_until(self._all_are_told, START_PATIENCE_SECONDS)
            self._make_trouble(duration_seconds)
            calm_from = time.monotonic()
            self._calm_down()
            return self._close(duration_seconds, time.monotonic() - calm_from)

    def _open_sandbox(self) -> Settings:
        words = [word for fault in scene.fault_words(FAULT_RATE) for word in ("--fault", fault)]
        words += ["--json", "--seed", str(self._seed), "--memory", self._terms.memory]
        self._processes.start("sandbox", CHILD, "sandbox", *words, allowed=frozenset())
        said = self._processes.document_of("sandbox")
        self._sandbox = RemoteSandbox(said["settings"]["NETCANCEL_BASE_URL"], said["admin_key"])
        self._sandbox.inject("late-answer", rate=self._terms.slow_rate, seconds=SLOW_SECONDS)
        self._sandbox.inject("unlisted-code", rate=ODD_RATE, code=ODD_CODE)
        self._port = urlsplit(said["settings"]["NETCANCEL_BASE_URL"]).port or 0
        self._tid: str = said["settings"]["NETCANCEL_TID"]
        server = self._server
        journal = scene.journal_in(self._directory) if server is None else server.url
        config = scene.write_settings(self._directory, said, journal, self._terms.policy)
        return Settings.load(environ={"NETCANCEL_CONFIG": str(config)})

    def _start_shop(self, shop: str, seed: int) -> None:
        self._processes.start(
            shop,
            "campaigns.payer",
            f"--shop={shop}",
            f"--seed={self._seed + seed}",
            f"--per-second={PER_SECOND}",
            f"--at-once={self._terms.at_once}",
            f"--record={self._record_path(shop)}",
            allowed=frozenset({NO_JOURNAL}),
        )

    def _record_path(self, shop: str) -> Path:
        return self._directory / f"{shop}.record"

    def _all_are_told(self) -> bool:
        """Whether each shop has paid, and each worker has begun."""
        greeted = all(map(self._processes.has_spoken, WORKERS))
        return greeted and all(read_record(self._record_path(shop)).told for shop in SHOPS)

    def _make_trouble(self, duration_seconds: float) -> None:
        until = time.monotonic() + duration_seconds
        due = time.monotonic()
        for blow in blows(
            self._seed,
            self._lease_seconds,
            has_server=self._server is not None,
            has_link=self._link is not None,
        ):
            due = max(due, time.monotonic()) + blow.after_seconds
            if due >= until:
                break
            self._tend_until(partial(_is_past, due), duration_seconds)
            if self._strike(blow):
                self._blows[blow.trouble] += 1
        self._tend_until(partial(_is_past, until), duration_seconds)

    def _tend_until(self, reached: Callable[[], bool], patience_seconds: float) -> bool:
        """Tend the processes until something is reached; False: it wasn't."""
        until = time.monotonic() + patience_seconds
        while not reached():
            if time.monotonic() >= until:
                return False
            self._processes.tend()
            if self._link is not None:
                self._link.tend()
            time.sleep(TICK_SECONDS)
        return True

    def _strike(self, blow: Blow) -> bool:
        """Do it, if there is somebody to do it to."""
        match blow.trouble:
            case Trouble.KILL_PAYER | Trouble.KILL_WORKER:
                return self._strike_one(blow, self._processes.kill, spared=0)
            case Trouble.PAUSE_PAYER | Trouble.PAUSE_WORKER:
                pause = partial(self._processes.pause, seconds=blow.pause_seconds)
                return self._strike_one(blow, pause, spared=len(SHOPS) - PAUSED_MAX)
            case Trouble.STRAND if self._server is not None:
                strand = partial(self._strand, self._server, blow.pause_seconds)
                return self._strike_one(blow, strand, spared=len(SHOPS) - PAUSED_MAX)
            case Trouble.LINK_DOWN if self._link is not None:
                return self._cut_link(self._link)
            case _ if self._server is not None:
                ON_SERVERS[blow.trouble](self._server)
        return True

    def _strand(self, server: Server, seconds: float, shop: str) -> None:
        """Pause a shop that has answers in its hands and can't write them down."""
        server.kill()
        time.sleep(AWAY_SECONDS)
        self._processes.pause(shop, seconds)
        server.start()

    def _cut_link(self, link: Link) -> bool:
        """Take it down while there are connections over which the next approvals are sent."""
        if not link.is_up or not self._tend_until(self._is_connected, MEETING_SECONDS):
            return False
        link.take_down()
        has_met = self._tend_until(self._kernel_holds, MEETING_SECONDS)
        link.come_back(OUTAGE_SECONDS)
        return has_met

    def _is_connected(self) -> bool:
        established = [each for each in connections_to(self._port) if each.is_established]
        return len(established) >= CONNECTIONS_MIN

    def _strike_one(self, blow: Blow, act: Callable[[str], None], *, spared: int) -> bool:
        awake = self._processes.awake(WORKERS if blow.trouble in OF_WORKERS else SHOPS)
        if len(awake) <= spared:
            return False
        act(awake[int(blow.victim * len(awake))])
        return True

    def _calm_down(self) -> None:
        """Let everybody finish; then each shop asks again for what it doesn't know for certain."""
        # The gateway can't be told to get well while it can't be reached.
        self._tend_until(self._link_is_up, CALM_PATIENCE_SECONDS)
        self._sandbox.clear_faults()
        self._tend_until(self._processes.all_awake, CALM_PATIENCE_SECONDS)
        self._processes.hang_up(*SHOPS)
        self._tend_until(self._is_closed, CALM_PATIENCE_SECONDS)
        for place, shop in enumerate(SHOPS):
            self._start_shop(shop, place)
        self._processes.hang_up(*SHOPS)
        self._tend_until(self._is_closed, CALM_PATIENCE_SECONDS)
        self._processes.terminate(*WORKERS)

    def _link_is_up(self) -> bool:
        return self._link is None or self._link.is_up

    def _is_closed(self) -> bool:
        """Whether nothing is owed, and nothing is on its way to the gateway, or to be worked."""
        try:
            # Which world is ours doesn't matter: the journal holds no other.
            summary = self._journal.summary(worlds=[]).result(READ_SECONDS)
        except JournalUnavailable:
            return False
        is_final = all(state.is_final for state in summary.by_state)
        return is_final and not self._kernel_holds() and self._sandbox.status()["pending"] == 0

    def _kernel_holds(self) -> bool:
        """Whether a request may yet arrive; where no link goes down none waits for long."""
        return self._link is not None and held_by_the_kernel(self._port) > 0

    def _close(self, duration_seconds: float, calm_seconds: float) -> Report:
        """Gather what is known, now that nothing moves any more, and compare."""
        evidence = Evidence(
            tid=self._tid,
            charges=self._sandbox.charges(),
            requests=self._sandbox.requests(),
            payments=self._payments(),
            accounts=[read_record(self._record_path(shop)) for shop in SHOPS],
            logs={path.name: path.read_text() for path in self._directory.glob("*.log")},
            surprises=self._processes.surprises,
        )
        return Report.of(
            self._name,
            self._seed,
            evidence,
            check(evidence),
            blows=self._counted_blows(),
            seconds={"trouble": duration_seconds, "calm": calm_seconds},
        )

    def _counted_blows(self) -> dict[str, int]:
        """Return how often each kind of trouble met somebody."""
        counts: dict[str, int] = {trouble: self._blows[trouble] for trouble in OF_PROCESSES}
        counts["processes that found no journal"] = self._processes.deaths_for_want_of_a_journal
        if self._link is not None:
            counts[Trouble.LINK_DOWN] = self._blows[Trouble.LINK_DOWN]
        if (server := self._server) is not None:
            counts[Trouble.STRAND] = self._blows[Trouble.STRAND]
            counts[Trouble.KILL_SERVER] = server.restarts
            counts[Trouble.TERMINATE_ALL] = server.terminated
            counts |= {cut.value: server.relay.cuts()[cut] for cut in Cut}
        return counts

    def _payments(self) -> list[Payment]:
        """Read all payments with their histories."""
        listed = self._journal.list_payments(limit=PAYMENTS_MAX).result(READ_SECONDS)
        found = [self._journal.find(each.tid, each.merc_trx_no) for each in listed]
        return [payment for each in found if (payment := each.result(READ_SECONDS)) is not None]


def _is_past(at: float) -> bool:
    return time.monotonic() >= at


def _kill_and_start(server: Server) -> None:
    server.kill()
    server.start()


ON_SERVERS: Final[dict[Trouble, Callable[[Server], None]]] = {
    Trouble.KILL_SERVER: _kill_and_start,
    Trouble.TERMINATE_AMID: lambda server: server.relay.cut_next_commit(Cut.TERMINATED),
    Trouble.TERMINATE_ALL: lambda server: server.terminate_all(),
    Trouble.CUT_ALL: lambda server: server.relay.cut_all(),
    Trouble.CUT_BEFORE_COMMIT: lambda server: server.relay.cut_next_commit(Cut.BEFORE_COMMIT),
    Trouble.CUT_AFTER_COMMIT: lambda server: server.relay.cut_next_commit(Cut.AFTER_COMMIT),
}
