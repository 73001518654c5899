"""One run: a world of payments from a seed, with its callers, workers and a person."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Final

from netcancel import operators
from netcancel.core import flows
from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS
from netcancel.core.policy import COMMIT_BUDGET_SECONDS, Policy
from netcancel.journal.contract import ArchivePlace
from netcancel.recovery import LOOK_SECONDS, TROUBLE_SECONDS
from netcancel.sandbox.ledger import NetCancelMemory
from proof.simulation.books import Watch
from proof.simulation.bounds import Bounds
from proof.simulation.clockwork import Clockwork
from proof.simulation.database import Database
from proof.simulation.faults import PLACES, Fault, draw_plan
from proof.simulation.gateway import Gateway
from proof.simulation.level import WORLDS
from proof.simulation.person import Person
from proof.simulation.process import Process
from proof.simulation.promises import Broken, Promises
from proof.simulation.shop import Shop
from proof.simulation.slot import Slot
from proof.simulation.trace import Trace

if TYPE_CHECKING:
    from collections.abc import Collection

    from netcancel.core.effects import Flow
    from netcancel.core.payment import Payment
    from netcancel.core.policy import LostCancel
    from proof.simulation.level import Level

PAYMENTS: Final = 100
"""In one run: enough to share faults and the worker's batches."""

MIDNIGHT_IN_SEOUL: Final = 1_700_060_400.0
"""Runs begin within half an hour of it."""

SECONDS: Final = 300.0
"""In which a run's payments begin, and in which everybody's faults do."""

DICE: Final = 1024
EVENTS_MAX: Final = 400_000
DAY: Final = 86_400.0

CLOSED_SECONDS: Final = 1.2 * DAY
"""What has been closed for so long is archived."""


class Run:
    """A world from a seed. `without`: planned faults that are left out, by their place in it."""

    def __init__(
        self,
        seed: int,
        level: Level,
        *,
        payments: int = PAYMENTS,
        without: Collection[int] = (),
        dropped: str | None = None,
        traces: bool = False,
    ) -> None:
        """Plan everything; `dropped` names the assumption that does not hold: "a", "b" or "c"."""
        self.seed = seed
        self.level = level
        self.hits: Counter[str] = Counter()
        self.stamps = 0
        self.secret = 0
        self._calls = 0
        self._clock_offset = 0.0
        self._clock_peak = 0.0
        self._wall_offset = 0.0
        workload = random.Random(f"{seed} workload")  # noqa: S311  replayed by its seed
        rolls = random.Random(f"{seed} dice")  # noqa: S311  likewise
        self._dice = [rolls.random() for _ in range(DICE)]
        start = MIDNIGHT_IN_SEOUL - 1800.0 * workload.random()
        self.clockwork = Clockwork(start)
        memory = workload.choice(list(NetCancelMemory))
        if dropped == "a":
            memory = NetCancelMemory.FORGETFUL
        self.policy = _policy(workload, memory)
        self.gateway = Gateway(self, memory, dropped)
        self.watch = Watch(self.hits, self._written)
        self.journal = level.books(self.journal_clock, self.watch)
        self.promises = Promises(self.journal, self.watch)
        self.bounds = Bounds(self)
        self.person = Person(self)
        self.shop = Shop(self)
        self.calm_from = 0.0
        self.database = Database(self)
        self.trace = Trace() if traces else None
        plan = draw_plan(random.Random(f"{seed} faults"), payments, SECONDS)  # noqa: S311  likewise
        self.plan = [fault for place, fault in enumerate(plan) if place not in without]
        self.slots: dict[str, Slot] = {}
        self.archived: dict[str, Payment] = {}
        """By their numbers, which are never charged again."""
        self._damaged: set[str] = set()
        self._lacks_key_until = 0.0
        for index in range(payments):
            self._begin_slot(index, workload)
        self._place_faults()
        if workload.random() < 0.2:  # noqa: PLR2004  one run in five
            self._begin_tidying()

    def go(self) -> Run:
        """Let everything happen, and check what is left; raises `Broken`."""
        if not self.clockwork.run(EVENTS_MAX):
            raise Broken("I5", "it never comes to rest")
        for slot in self.slots.values():
            row = self.journal.find(slot.tid, slot.number).result()
            row = self.archived.get(slot.number) if row is None else row
            self.promises.closed(slot, row, slot.charge)
        return self

    def dice(self, slot: Slot) -> float:
        """Roll for a payment; what others do changes nothing of it."""
        return self._dice[(slot.index * 131 + slot.steps * 7 + slot.questions * 29) % DICE]

    def wall(self) -> float:
        """Return what a host's calendar says."""
        return self.clockwork.now + self._wall_offset

    def step_clock(self, seconds: float) -> None:
        """Set the journal's clock, and let the workers look at what is due now."""
        self._clock_peak = self.clock_peak()
        self._clock_offset += seconds
        self.disturb(LOOK_SECONDS)
        for row in list(self.watch.latest.values()):
            self._plan_claim(row)

    def disturb(self, seconds: float) -> None:
        """Note that nobody can keep to a bound (I6) for so long."""
        self.calm_from = max(self.calm_from, self.clockwork.now + seconds)

    def befall(self, slot: Slot, seconds: float = COMMIT_BUDGET_SECONDS) -> None:
        """Note that a fault befell a payment, with whose effect a lease may begin so much later."""
        until = self.clockwork.now + seconds + self.policy.hold_seconds
        slot.calm_from = max(slot.calm_from, until)

    def damage(self, slot: Slot) -> None:
        """Make a payment a poison row."""
        if (row := self.journal.payment_of(slot.tid, slot.number)) is not None:
            self.journal.damage(row.id)
            self._damaged.add(row.id)

    def journal_clock(self) -> float:
        """Return the journal's own time."""
        return self.clockwork.now + self._clock_offset

    def clock_peak(self) -> float:
        """Return the latest time that the journal's clock has ever told."""
        return max(self._clock_peak, self.journal_clock())

    def new_writer(self) -> str:
        """Name whoever calls next."""
        self._calls += 1
        return f"w{self._calls}"

    def chance(self) -> float:
        """Roll for whoever calls next."""
        self._calls += 1
        return self._dice[self._calls % DICE]

    def told_at_once(self, slot: Slot, payment: Payment) -> None:
        """Tell a caller what was read in this very moment."""
        self.promises.told_at_once(slot, payment)
        self._tell(slot, payment)

    # What is planned

    def _begin_slot(self, index: int, workload: random.Random) -> None:
        number = f"ORD_{index}"
        wants_confirmation = workload.random() < self._confirming(workload)
        confirm_within = 30.0 + 300.0 * workload.random() if wants_confirmation else None
        slot = self.slots[number] = Slot(index, self.level.TID, number)
        order = self._order(slot, confirm_within)
        begin = SECONDS * workload.random()
        self.clockwork.after(begin, partial(self._approve, slot, order))
        if confirm_within is not None and workload.random() < 0.8:  # noqa: PLR2004  most merchants do
            at = begin + 1.2 * confirm_within * workload.random()
            self.clockwork.after(at, partial(self._call, slot, "confirm"))
        if workload.random() < 0.25:  # noqa: PLR2004  as many have a second visitor
            kind = workload.choice(CALLS)
            at = begin + 20.0 * workload.random() ** 3
            if workload.random() < 0.2:  # noqa: PLR2004  long after the token is shredded, at times
                at += 3 * DAY
            self.clockwork.after(at, partial(self._call, slot, kind))
        if workload.random() < 0.05:  # noqa: PLR2004  some hold their own transaction open
            at, seconds = begin + 30.0 * workload.random(), 60.0 * workload.random() ** 2
            self.clockwork.after(at, partial(self.shop.begin, slot, seconds))
            if workload.random() < 0.5:  # noqa: PLR2004  and half of those are cancelled meanwhile
                at += seconds * workload.random()
                self.clockwork.after(at, partial(self._call, slot, "cancel"))

    @staticmethod
    def _confirming(workload: random.Random) -> float:
        return workload.choice((0.1, 0.5))

    def _order(self, slot: Slot, confirm_within: float | None, data: str = "same") -> flows.Order:
        self._calls += 1
        order = self.level.order(
            slot.number, self._calls, self.policy,
            at=self.wall(), confirm_within=confirm_within, data=data,
        )  # fmt: skip
        slot.approvals[order.intent.id] = order.approval_body
        slot.net_cancels[order.intent.id] = order.intent.net_cancel_body
        return order

    def _place_faults(self) -> None:
        by_index = list(self.slots.values())
        place_of = {kind: place for place, kinds in PLACES.items() for kind in kinds}
        for fault in self.plan:
            if fault.payment < 0:
                self.clockwork.after(fault.nth, partial(self._befall_all, fault))
            else:
                faults = getattr(by_index[fault.payment], f"at_{place_of[fault.kind]}")
                faults.setdefault(fault.nth, fault)
        self.clockwork.after(2 * DAY, self._shred)

    def _begin_tidying(self) -> None:
        """Shred before any grace has passed, and archive what was closed."""
        self.clockwork.after(600.0, self._shred)
        self.clockwork.after(2.5 * DAY, self._archive)

    def _befall_all(self, fault: Fault) -> None:
        self.hits[f"fault: {fault.kind}"] += 1
        match fault.kind:
            case "journal-refuses":
                self.database.refuse(15.0 * fault.size**2)
            case "database-crash":
                self.database.crash(10.0 * fault.size)
            case "wall-clock-jump":
                self._wall_offset += 2 * DAY * (fault.size - 0.5)
            case "gateway-away":
                self.gateway.away_until = self.clockwork.now + 40.0 * fault.size**2
            case "worker-lacks-key":
                self._lacks_key_until = self.clockwork.now + 120.0 * fault.size
            case _:
                self._rotate(60.0 * (fault.size - 0.5))

    def _rotate(self, lead_seconds: float) -> None:
        """Change the secret: the gateway's so much later than the hosts', or before them."""
        self.clockwork.after(max(0.0, -lead_seconds), self._rotate_hosts)
        self.clockwork.after(max(0.0, lead_seconds), self._rotate_gateway)

    def _rotate_hosts(self) -> None:
        self.secret += 1

    def _rotate_gateway(self) -> None:
        self.gateway.secret += 1

    def _shred(self) -> None:
        """Shred what was closed long ago, and see that no other token is gone."""
        keep = self.policy.keep_token_seconds
        self.hits["shredded"] += self.journal.shred_closed(keep_seconds=keep, limit=500).result()
        since = (self.journal_clock() - keep) * MICROSECONDS
        for row in self.watch.latest.values():
            if row.updated_at > since and row.id not in self._damaged:
                self.promises.keeps_token(row)

    def _archive(self) -> None:
        """Let what was closed long ago leave the journal."""
        payments = (
            self.journal.archivable(ArchivePlace(), closed_seconds=CLOSED_SECONDS, limit=PAYMENTS)
            .result()
            .payments
        )
        self.hits["archived"] += self.journal.archive(payments).result()
        self.archived = {payment.merc_trx_no: payment for payment in payments}

    # Callers

    def _approve(self, slot: Slot, order: flows.Order) -> None:
        self._start(slot, flows.approve(order, self.policy), "approve")

    def _call(self, slot: Slot, kind: str) -> None:
        wish = flows.CancelWish(
            worlds=WORLDS, tid=slot.tid, merc_trx_no=slot.number, writer=self.new_writer()
        )
        flow: Flow[Payment]
        match kind:
            case "cancel":
                flow = flows.cancel(wish, self.policy)
            case "reject":
                flow = flows.reject(wish, self.policy)
            case "confirm":
                flow = flows.confirm(WORLDS, slot.tid, slot.number, wish.writer)
            case "void":
                at = self.wall()
                intent = self.level.void_intent(slot.number, self._calls, self.policy, at=at)
                slot.net_cancels[intent.id] = intent.net_cancel_body
                flow = flows.void(flows.VoidWish(intent, WORLDS), self.policy)
            case "settlement":
                self._report_charge(slot)
                return
            case _:
                data = "other" if kind == "second-other" else "same"
                flow = flows.approve(self._order(slot, None, data), self.policy)
        self.hits[f"call: {kind}"] += 1
        self._start(slot, flow, kind)

    def _report_charge(self, slot: Slot) -> None:
        """Say, wrongly, that a settlement has a charge of a voided payment."""
        row = self.journal.payment_of(slot.tid, slot.number)
        if row is not None and row.state is State.NET_CANCELLED:
            operators.reopen(self.journal, row, aprv_no="1", trx_amt=row.trx_amt, by="kim").result()
        elif row is not None and not row.state.is_final:
            self.clockwork.after(600.0, partial(self._report_charge, slot))

    def _start(self, slot: Slot, flow: Flow[Payment], what: str) -> None:
        if self.trace is not None:
            self.trace.add(self.clockwork.now, slot.number, what)
        Process(self, slot, flow, partial(self._tell, slot)).begin()

    def _tell(self, slot: Slot, payment: Payment) -> None:
        if self.trace is not None:
            self.trace.add(self.clockwork.now, slot.number, f"told {payment.state}")
        self.promises.told(slot, payment, slot.charge)

    # Workers

    def _written(self, before: Payment | None, row: Payment) -> None:
        self.bounds.written(before, row)
        if self.trace is not None:
            what = f"{row.last_event} {row.state} {row.version.counter}"
            self.trace.add(self.clockwork.now, row.merc_trx_no, what)
        if row.due_at is not None:
            self._plan_claim(row)
        elif row.state is State.ESCALATED:
            self.person.look_at(self.slots[row.merc_trx_no], row)

    def _plan_claim(self, row: Payment) -> None:
        if row.due_at is not None:
            due_in = row.due_at / MICROSECONDS - self.journal_clock()
            look = LOOK_SECONDS * self._dice[row.version.counter % DICE]
            self.clockwork.after(max(0.0, due_in) + look, partial(self._look, row))

    def _look(self, row: Payment) -> None:
        """Let a worker claim, if a payment is still due as it was."""
        if self.watch.latest[row.id].version != row.version:
            return
        if self.database.is_away:
            self.clockwork.after(TROUBLE_SECONDS, partial(self._look, row))
            return
        if row.due_at is not None and row.due_at / MICROSECONDS > self.journal_clock():
            self._plan_claim(row)
            return
        if self.clockwork.now < self._lacks_key_until:
            self._claim_lacking_key()
        roll, writer = self.chance(), self.new_writer()
        claim_due = partial(
            self.journal.claim_due, world="world", writer=writer, limit=64,
            hold_seconds=self.policy.hold_seconds, newest_first=self._calls % 4 == 0,
        )  # fmt: skip
        if roll < 0.01:  # noqa: PLR2004  one in a hundred
            self.hits["fault: claim-unanswered"] += 1
            self.journal.in_doubt(claim_due, is_applied=roll < 0.005)  # noqa: PLR2004  half of those
            self._wait_for_journal(row, writer)
            return
        claims = claim_due().result()
        if all(claim.payment.id != row.id for claim in claims):
            self._plan_claim(row)
        for claim in claims:
            of = self.slots[claim.payment.merc_trx_no]
            flow = flows.recover(claim, self.clockwork.now, writer, self.policy)
            process = Process(self, of, flow, _nobody)
            self.clockwork.after(0.05 * self.dice(of), process.begin)

    def _wait_for_journal(self, row: Payment, writer: str) -> None:
        """Let a worker look later that does not know what it has claimed."""
        self.disturb(TROUBLE_SECONDS + LOOK_SECONDS)
        for each in self.watch.latest.values():
            if each.version.writer == writer:
                self.befall(self.slots[each.merc_trx_no])
        self.clockwork.after(TROUBLE_SECONDS, partial(self._look, row))

    def _claim_lacking_key(self) -> None:
        """Let a worker claim that could open nothing of what it took."""
        taken = self.journal.claim_lacking_key(
            world="world", writer=self.new_writer(), limit=64,
            hold_seconds=self.policy.hold_seconds,
        )  # fmt: skip
        if taken:
            number = taken[0].payment.merc_trx_no
            raise Broken("I5", f"{number} is held by a worker that lacks its key")


CALLS: Final = (
    "cancel", "cancel", "reject", "void", "second-same", "second-other", "settlement",
)  # fmt: skip


def _nobody(_payment: Payment) -> None:
    """Hear of what recovery did; nobody does."""


def _policy(chance: random.Random, memory: NetCancelMemory) -> Policy:
    """Draw a merchant's patience; without tombstones a settle time of zero is no choice."""
    timeout = chance.choice((5.0, 30.0))
    remembers = memory is NetCancelMemory.TOMBSTONE
    settle = chance.choice((0.0, 20.0, 60.0, 900.0) if remembers else (20.0, 60.0, 900.0))
    lost_cancel: LostCancel = chance.choice(("net-cancel", "net-cancel", "ask-a-person"))
    knows_codes = chance.random() < 0.7  # noqa: PLR2004  most merchants ask for the codes
    # Where a code stays unknown, every void is refused until its window closes.
    windows = (5.0, 60.0, 3600.0, DAY) if knows_codes else (5.0, 60.0)
    return Policy(
        timeout_seconds=timeout,
        settle_seconds=settle,
        retry_window_seconds=settle + timeout + chance.choice(windows),
        retry_ceiling_seconds=chance.choice((5.0, 300.0)),
        lease_seconds=chance.choice((None, 60.0)),
        grace_seconds=DAY,
        max_in_doubt=chance.choice((None,) * 15 + (5,)),
        nothing_to_void_codes=frozenset(["SB01"] if knows_codes else []),
        already_voided_codes=frozenset(["SB05"] if knows_codes else []),
        authentication_codes=frozenset(["SB09"] if knows_codes else []),
        lost_cancel=lost_cancel,
    )
