"""An outage, and what comes after it: a long queue, two workers, and a shop that goes on selling.

The gateway is away, until both workers have noticed and probe it singly, and until the shop has
lost some payments too. Then it comes back, and the queue is drained.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from campaigns import debts
from campaigns.dead_gateway import dead
from campaigns.drain_promises import Arrival, Evidence, Outage, Scale
from campaigns.processes import Processes
from campaigns.record import IN_DOUBT, read_record
from netcancel.core.lifecycle import State
from netcancel.core.payment import Payment
from netcancel.demo import scene
from netcancel.demo.arrivals import header
from netcancel.desk import Desk
from netcancel.kicc import Merchant
from netcancel.kicc.signature import TIMESTAMP_HEADER
from netcancel.sandbox import Sandbox
from netcancel.sandbox.world import BIZR_NO, CHANNEL_ID, SECRET_KEY, SVC_ID, TID
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from netcancel.sandbox.gateway import RecordedRequest

WORKERS: Final = ("worker-1", "worker-2")
SHOP: Final = "SHOP"
SALES_PER_SECOND: Final = 10.0
LOST_IN_OUTAGE: Final = 5
"""So many of the shop's payments are in doubt when the gateway comes back: new debts."""

FAULTS: Final = (
    "commit-then-reset@approval:0.2",
    "net-cancel-refused:0.02",
)
"""A fifth of the shop's answers are lost, and some net-cancels are refused, whoever sends them."""

POLICY: Final = {
    "timeout_seconds": 10.0,
    "settle_seconds": 0.0,
    "first_retry_seconds": 0.2,
    "retry_ceiling_seconds": 1.0,
}
"""The first acknowledgement closes, so that each debt costs one request and not two."""

IS_AWAY: Final = "the gateway gives no answer"
"""What a worker says when its breaker opens."""

CHILD: Final = "netcancel.cli.demo_child"
TICK_SECONDS: Final = 0.1
PATIENCE_SECONDS: Final = 60.0
READ_SECONDS: Final = 60.0
PAGE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Drain:
    """A storm on the journal at a URL, with a fresh directory for all that the processes keep."""

    url: str
    directory: Path
    scale: Scale

    def run(self) -> Evidence:
        """Let the storm come and go, and return what is known of it; ends all it started."""
        with ExitStack() as stack:
            away = stack.enter_context(dead())
            settings = self._settings(away.base_url)
            config = self.directory / scene.CONFIG_NAME
            processes = stack.enter_context(Processes(self.directory, config))
            desk = Desk.open(**settings.for_desk(create=True))
            stack.enter_context(closing(desk.journal))
            debts.owe(desk, Merchant(tid=TID, svc_id=SVC_ID, bizr_no=BIZR_NO), self.scale.rows)
            debts.poison(self.url)
            storm = _Storm(self, desk, processes)
            outage = storm.let_it_be_noticed(lambda: away.connections)
            storm.let_the_shop_lose()
            away.close()
            van = stack.enter_context(Sandbox(port=away.port, faults=FAULTS))
            return storm.drain(van, outage)

    @property
    def record_path(self) -> Path:
        """Where the shop writes down what it asked for and was told."""
        return self.directory / f"{SHOP}.record"

    @property
    def patience_seconds(self) -> float:
        """More than any machine needs that can do a tenth of the pace."""
        return PATIENCE_SECONDS + 10 * self.scale.rows / self.scale.per_second

    def _settings(self, base_url: str) -> Settings:
        said = {
            "NETCANCEL_BASE_URL": base_url,
            "NETCANCEL_CHANNEL_ID": CHANNEL_ID,
            "NETCANCEL_SECRET_KEY": SECRET_KEY,
            "NETCANCEL_TID": TID,
            "NETCANCEL_SVC_ID": SVC_ID,
            "NETCANCEL_BIZR_NO": BIZR_NO,
        }
        policy = POLICY | {
            "recovery_per_second": self.scale.per_second,
            "recovery_in_flight": self.scale.in_flight,
        }
        config = scene.write_settings(self.directory, {"settings": said}, self.url, policy)
        return Settings.load(environ={"NETCANCEL_CONFIG": str(config)})


class _Storm:
    """A storm that is under way."""

    def __init__(self, drain: Drain, desk: Desk, processes: Processes) -> None:
        self._drain = drain
        self._journal = desk.journal
        self._worlds = desk.all_worlds
        self._processes = processes
        self._arrivals: list[Arrival] = []

    def let_it_be_noticed(self, connections: Callable[[], int]) -> Outage:
        """Start the workers; return when both know each other, and that the gateway is away."""
        begun = time.monotonic()
        for worker in WORKERS:
            self._processes.start(worker, CHILD, "worker", allowed=frozenset())
        self._tend_until(lambda: all(map(self._has_noticed, WORKERS)) and self._share_the_pace())
        return Outage(connections(), time.monotonic() - begun)

    def let_the_shop_lose(self) -> None:
        """Start the shop; return when some of its payments are in doubt."""
        self._processes.start(
            SHOP,
            "campaigns.payer",
            f"--shop={SHOP}",
            "--seed=0",
            f"--per-second={SALES_PER_SECOND}",
            f"--record={self._drain.record_path}",
            allowed=frozenset(),
        )
        self._tend_until(self._has_lost)

    def drain(self, van: Sandbox, outage: Outage) -> Evidence:
        """Wait until the queue is gone; then let everybody finish, and gather what is known."""
        wanted = self._drain.scale.rows - self._drain.scale.poison
        self._tend_until(lambda: self._numbers_arrived(van) >= wanted)
        self._processes.hang_up(SHOP)
        self._tend_until(self._nothing_is_owed)
        self._processes.terminate(*WORKERS)
        self._collect(van)
        return Evidence(
            scale=self._drain.scale,
            outage=outage,
            arrivals=self._arrivals,
            payments=self._payments(),
            charges=van.charges(),
            account=read_record(self._drain.record_path),
            logs={path.name: path.read_text() for path in self._drain.directory.glob("*.log")},
            surprises=self._processes.surprises,
        )

    def _tend_until(self, reached: Callable[[], bool]) -> None:
        """Tend the processes until something is reached, or nobody is patient any more."""
        until = time.monotonic() + self._drain.patience_seconds
        while not reached() and time.monotonic() < until:
            self._processes.tend()
            time.sleep(TICK_SECONDS)

    def _has_noticed(self, worker: str) -> bool:
        return IS_AWAY in (self._drain.directory / f"{worker}.log").read_text()

    def _share_the_pace(self) -> bool:
        """Whether each worker has checked in since the last of them began: it knows of both."""
        workers = self._journal.workers().result(READ_SECONDS)
        last = max((each.started_at for each in workers), default=0)
        return sum(each.seen_at >= last for each in workers) == len(WORKERS)

    def _has_lost(self) -> bool:
        told = read_record(self._drain.record_path).told
        return sum(each.outcome == IN_DOUBT for each in told) >= LOST_IN_OUTAGE

    def _numbers_arrived(self, van: Sandbox) -> int:
        self._collect(van)
        return len({each.number for each in self._arrivals if each.is_of_queue})

    def _collect(self, van: Sandbox) -> None:
        """Take down what arrived since the last time: the sandbox doesn't keep all of it."""
        self._arrivals += map(_arrival, van.requests(len(self._arrivals)))

    def _nothing_is_owed(self) -> bool:
        by_state = self._journal.summary(worlds=self._worlds).result(READ_SECONDS).by_state
        return all(state.is_final or state is State.ESCALATED for state in by_state)

    def _payments(self) -> list[Payment]:
        """Read all payments; those of the shop with their histories."""
        found: list[Payment] = []
        after: tuple[str, str] | None = None
        while page := self._journal.page(after=after, limit=PAGE).result(READ_SECONDS):
            found += [each for each in page if isinstance(each, Payment)]
            after = (found[-1].tid, found[-1].merc_trx_no)
        return [self._with_history(each) for each in found]

    def _with_history(self, payment: Payment) -> Payment:
        if payment.merc_trx_no.startswith(debts.PREFIX):
            return payment
        return self._journal.read(payment.id).result(READ_SECONDS) or payment


def _arrival(request: RecordedRequest) -> Arrival:
    return Arrival(
        number=json.loads(request["body"])["mercTrxNo"],
        endpoint=request["endpoint"],
        at=request["at"],
        signed_at=int(header(request, TIMESTAMP_HEADER)) / 1_000,
    )
