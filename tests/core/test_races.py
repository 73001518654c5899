"""Two flows at once: every order in which their steps can meet, and recovery after them."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import (
    Confirm,
    Effect,
    Exchange,
    Find,
    Flow,
    HandOver,
    Note,
    Open,
    OpenBody,
    Read,
    Sleep,
    Write,
)
from netcancel.core.lifecycle import State
from netcancel.core.payment import Payment
from netcancel.errors import NetcancelError
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH
from tests.core.world import CANCEL_FATES, Death, Gateway, World

SHARED = (Confirm, Exchange, Find, HandOver, Note, Open, OpenBody, Read, Sleep, Write)
"""Effects that another flow can see, or by which time passes; all others meet nobody."""

Start = Callable[[World], Flow[Payment]]


class Runner:
    """One flow that is driven step by step; a step ends before its next shared effect."""

    def __init__(self, world: World, flow: Flow[Payment]) -> None:
        self._world = world
        self._flow = flow
        self._effect: Effect[Any] | None = None
        self.told: Payment | NetcancelError | None = None
        self._go_on(lambda: next(flow))

    @property
    def is_over(self) -> bool:
        """Whether the flow has told its caller something."""
        return self.told is not None

    @property
    def waits(self) -> bool:
        """Whether it lets time pass."""
        return isinstance(self._effect, Sleep)

    def step(self) -> None:
        """Perform the shared effect at hand, and all that follows it alone."""
        assert self._effect is not None
        answer = self._world.perform(self._effect)
        self._go_on(lambda: self._flow.send(answer))

    def _go_on(self, resume: Callable[[], Effect[Any]]) -> None:
        try:
            effect = resume()
            while not isinstance(effect, SHARED):
                effect = self._flow.send(self._world.perform(effect))
            self._effect = effect
        except StopIteration as stop:
            self.told = stop.value
        except NetcancelError as error:
            self.told = error


def choices(runners: list[Runner]) -> list[int]:
    """Return who may go on; whoever waits for another goes on when nobody else can."""
    open_ones = [place for place, each in enumerate(runners) if not each.is_over]
    return [place for place in open_ones if not runners[place].waits] or open_ones[:1]


def orders(make: Callable[[], tuple[World, list[Runner]]]) -> Iterator[tuple[World, list[Runner]]]:
    """Run two flows in every order of their steps; each order begins in a new world."""
    pending: list[tuple[int, ...]] = [()]
    while pending:
        begun = pending.pop()
        world, runners = make()
        taken = 0
        while open_ones := choices(runners):
            if taken < len(begun):
                place = begun[taken]
            else:
                place = open_ones[0]
                pending += [(*begun[:taken], other) for other in open_ones[1:]]
                begun = (*begun, place)
            runners[place].step()
            taken += 1
            assert taken < 200, "two flows wait for each other"
        yield world, runners


def unconfirmed(world: World) -> None:
    """Approve a payment that is to be confirmed, and let its time run out."""
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 31.0


def confirming(world: World) -> Flow[Payment]:
    """Confirm as the merchant."""
    return flows.confirm(world.wish().worlds, world.wish().tid, "ORD_1", "merchant")


def cancelling(world: World) -> Flow[Payment]:
    """Cancel as the caller."""
    return flows.cancel(world.wish(), world.policy)


def cancelling_too(world: World) -> Flow[Payment]:
    """Cancel as another caller."""
    return flows.cancel(world.wish(writer="another"), world.policy)


def rejecting(world: World) -> Flow[Payment]:
    """Reject as the context manager does after an exception."""
    return flows.reject(world.wish(writer="rejecter"), world.policy)


def approving(world: World) -> Flow[Payment]:
    """Approve as the owner."""
    return flows.approve(world.order(), world.policy)


def recovering(world: World) -> Flow[Payment]:
    """Claim what is due, when it is this worker's turn, and work on it."""
    yield Read("nobody")
    claims = world.claim("worker")
    if not claims:
        payment = world.find()
        assert payment is not None
        return payment
    return (yield from flows.recover(claims[0], world.time, "worker", world.policy))


PAIRS: dict[str, tuple[Start, Start]] = {
    "confirm and recovery": (confirming, recovering),
    "confirm and reject": (confirming, rejecting),
    "confirm and cancel": (confirming, cancelling),
    "cancel and recovery": (cancelling, recovering),
    "cancel and reject": (cancelling, rejecting),
    "cancel and cancel": (cancelling, cancelling_too),
    "reject and recovery": (rejecting, recovering),
}


def close(world: World) -> None:
    """Recover until everything is closed, or a person's."""
    for turn in range(200):
        payments = world.journal.list_payments().result()
        if all(p.state.is_final or p.state is State.ESCALATED for p in payments):
            return
        world.time += 20.0
        world.recover_once(f"closer{turn}")
    raise AssertionError("a payment never closed")


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("cancel", CANCEL_FATES)
def test_one_row_has_one_winner(pair: str, cancel: str) -> None:
    """Confirmed and kept, or cancelled and given back; a cancel is sent once, in every order."""

    def make() -> tuple[World, list[Runner]]:
        world = World(Gateway(cancels=[cancel]))
        unconfirmed(world)
        return world, [Runner(world, start(world)) for start in PAIRS[pair]]

    met = 0
    for world, runners in orders(make):
        met += 1
        assert not [each.told for each in runners if isinstance(each.told, NetcancelError)]
        close(world)
        payment, charge = world.find(), world.gateway.charges["ORD_1"]
        assert payment is not None
        cancels = world.sent.count(CANCEL_PATH)
        assert cancels <= 1
        assert (payment.state in {State.APPROVED, State.ESCALATED}) == (charge == "live")
        if pair in {"confirm and recovery", "confirm and reject"}:
            (confirmed, _) = runners
            assert isinstance(confirmed.told, Payment)
            assert (confirmed.told.state is State.APPROVED) == (cancels == 0)
            assert (payment.state is State.APPROVED) == (cancels == 0)
    assert met > 1


@pytest.mark.parametrize("fate", ["approved", "amount-differs", "lost-after", "lost-before"])
@pytest.mark.parametrize("cancel", ["done", "lost-before", "lost-after"])
def test_a_cancel_meets_an_approval_under_way(fate: str, cancel: str) -> None:
    """Whatever is told approved stays charged unless the cancel was told to have worked."""

    def make() -> tuple[World, list[Runner]]:
        world = World(Gateway([fate], [], [cancel]))
        return world, [Runner(world, start(world)) for start in (approving, cancelling)]

    for world, runners in orders(make):
        owner, _ = runners
        assert isinstance(owner.told, Payment)
        close(world)
        payment, charge = world.find(), world.gateway.charges.get("ORD_1")
        assert payment is not None
        assert (payment.state in {State.APPROVED, State.ESCALATED}) == (charge == "live")
        assert world.sent.count(APPROVAL_PATH) == 1
        assert world.sent.count(CANCEL_PATH) <= 1


@pytest.mark.parametrize("cancel", CANCEL_FATES)
def test_two_workers_and_a_sender_that_died(cancel: str) -> None:
    """A cancel whose sender died before its answer was written is never sent again."""
    for effect, side in itertools.product(range(1, 12), ("before", "after")):
        world = World(Gateway(cancels=[cancel]))
        unconfirmed(world)
        world.dies_at = (len(world.effects) + effect, side)
        with suppress(Death):
            world.recover_once("first")
        world.dies_at = None
        close(world)
        assert world.sent.count(CANCEL_PATH) <= 1
