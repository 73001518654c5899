"""What is sent is held until its answer, by one for whom there is time enough."""

from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import Effect, Exchange, Read, Sign, Signed, Unavailable, Write
from netcancel.core.flows.net_cancelling import may_send
from netcancel.core.flows.writing import Hand
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import MICROSECONDS
from netcancel.freezing import freeze_void
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH
from tests.core.telling import found
from tests.core.world import POLICY, WORLD, Gateway, Paused, World


class Slow(World):
    """A journal that takes nearly all that a commit may take."""

    def perform(self, effect: Effect[Any]) -> Any:
        """Take the time before."""
        self.time += 4.5 if isinstance(effect, Write) else 0.0
        return super().perform(effect)


def test_a_loss_that_is_slowly_written_is_net_cancelled_by_its_owner() -> None:
    """From its decision on, an owner has a whole lease."""
    world = Slow(Gateway(["lost-after"]))
    assert world.approve(world.order()).last_event is Event.ACKNOWLEDGED_EARLY


def test_a_cancel_whose_loss_is_slowly_written_is_net_cancelled_by_its_sender() -> None:
    """Likewise."""
    world = Slow(Gateway(cancels=["lost-after"]))
    world.approve(world.order())
    assert world.cancel().last_event is Event.ACKNOWLEDGED_EARLY


def test_a_cancel_that_is_slowly_frozen_is_sent_by_its_worker() -> None:
    """From the freezing on it has a whole lease, however long its claim took."""
    world = Slow()
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 31.0
    (claim,) = world.claim()
    payment = world.run(flows.recover(claim, world.time - 4.0, "worker", POLICY))
    assert (payment.state, payment.attempts) == (State.CANCELLED, 1)


@pytest.mark.parametrize("for_good", [True, False])
@pytest.mark.parametrize("fate", ["amount-differs", "lost-after", "approved"])
def test_what_is_not_known_to_be_written_is_followed_by_nothing(
    fate: str, *, for_good: bool
) -> None:
    """Somebody else may hold the payment by then, or the journal is gone."""

    class Gone(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write | Read):
                return Unavailable("gone", for_good=for_good)
            return super().perform(effect)

    world = Gone(Gateway([fate]))
    world.approve(world.order())
    assert len(world.gateway.bodies) == 1


def test_whoever_asks_for_a_cancel_waits_while_somebody_else_is_at_work() -> None:
    """As long as the other may need, and no longer."""
    world = World()
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 31.0
    world.claim()
    begun = world.time
    assert world.cancel().state is State.CANCELLING
    assert world.time - begun == pytest.approx(POLICY.shortest_lease_seconds, abs=0.3)


@pytest.mark.parametrize("act", ["cancel", "reject", "miss"])
def test_a_cancel_whose_signature_has_aged_is_given_back(act: str) -> None:
    """Not sent by whoever was paused, and due for others at once."""
    world = Paused(lambda effect: getattr(effect, "path", "") == CANCEL_PATH)
    world.approve(replace(world.order(), confirm_within=30.0))
    if act == "miss":
        world.time += 31.0
        world.recover_once()
    else:
        world.cancel() if act == "cancel" else world.reject()
    assert len(world.gateway.bodies) == 1
    payment = found(world)
    assert (payment.state, payment.is_held) == (State.CANCELLING, False)
    assert payment.due_at is not None
    assert payment.due_at <= payment.read_at


def test_a_net_cancel_whose_signature_has_aged_is_given_back() -> None:
    """Not sent by whoever was paused, and due for others at once."""
    world = Paused(lambda effect: isinstance(effect, Sign), Gateway(["lost-after"]))
    payment = world.approve(world.order())
    assert payment.state is State.NET_CANCELLING
    row = found(world)
    assert (row.is_held, world.gateway.bodies) == (False, [])
    assert row.due_at is not None
    assert row.due_at <= row.read_at


@pytest.mark.parametrize(
    ("age", "left", "may"),
    [(0.0, 7.0, True), (1.9, 7.0, True), (2.0, 7.0, False), (0.0, 6.9, False), (0.0, 99.0, True)],
)
def test_a_request_may_be_sent_while_fresh_and_within_the_lease(
    age: float, left: float, *, may: bool
) -> None:
    """A request takes up to five seconds here, and the margin is two."""
    signed = Signed("/path", (), b"", 100.0)
    now = 100.0 + age
    assert may_send(signed, now, Hand("owner", now + left), POLICY) is may


@pytest.mark.parametrize("act", ["own", "recovery"])
def test_an_interruption_makes_due_what_is_held(act: str) -> None:
    """And goes on; whoever comes next has it at once."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    if act == "recovery":
        world.approve(world.order())
        world.time += 100.0
        (claim,) = world.claim()
        flow = flows.recover(claim, world.time, "worker", POLICY)
    else:
        flow = flows.approve(world.order(), POLICY)
    effect = next(flow)
    while not (isinstance(effect, Exchange) and effect.signed.path == NET_CANCEL_PATH):
        effect = flow.send(world.perform(effect))
    with pytest.raises(KeyboardInterrupt):
        world.go_on(flow, flow.throw(KeyboardInterrupt()))
    row = found(world)
    assert (row.state, row.is_held, row.due_at) == (State.NET_CANCELLING, False, row.updated_at)


HELD: dict[str, tuple[list[str], list[str]]] = {
    "approve": (["lost-after"], []),
    "mismatch": (["amount-differs"], []),
    "cancel": ([], ["lost-after"]),
    "reject": ([], ["lost-after"]),
    "miss": ([], []),
    "void": ([], []),
    "uncancellable": (["amount-absent"], []),
}


@pytest.mark.parametrize("act", HELD)
def test_what_is_being_sent_is_held(act: str) -> None:
    """For a whole lease from the writing before it: nobody else takes it meanwhile."""
    approvals, cancels = HELD[act]

    class Watched(Gateway):
        def answer(self, path: str, body: bytes) -> Any:
            row = found(world)
            assert row.is_held
            assert row.due_at == row.updated_at + round(POLICY.hold_seconds * MICROSECONDS)
            assert row.attempts == (0 if path == APPROVAL_PATH else 1)
            return super().answer(path, body)

    says = {"aprvNo": ""} if act == "uncancellable" else {}
    world = World(Watched(approvals, [], cancels, says))
    if act != "void":
        world.approve(replace(world.order(), confirm_within=30.0))
    match act:
        case "cancel" | "uncancellable":
            world.cancel()
        case "reject":
            world.reject()
        case "miss":
            world.time += 31.0
            world.recover_once()
        case "void":
            body = world.order().intent.net_cancel_body
            intent = freeze_void(body, world=WORLD, writer="shop", at=world.time, policy=POLICY)
            world.run(flows.void(flows.VoidWish(intent, frozenset([WORLD])), POLICY))
        case _:
            pass
    assert len(world.gateway.bodies) > (1 if act != "void" else 0)
