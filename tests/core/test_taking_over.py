"""What an owner or a worker may still do that was away while others took over."""

from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import Effect, Exchange, Unavailable, Write
from netcancel.core.lifecycle import Event, State
from netcancel.core.policy import COMMIT_BUDGET_SECONDS, SEND_WITHIN_SECONDS
from tests.core.telling import found
from tests.core.world import POLICY, Gateway, World


def test_a_pause_between_claim_and_sending_gives_the_claim_back() -> None:
    """A worker that was paused sends nothing; the payment is due for others at once."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    claimed_at = world.time
    world.time += COMMIT_BUDGET_SECONDS + SEND_WITHIN_SECONDS + 0.1
    before = len(world.sent)
    world.run(flows.recover(claim, claimed_at, "worker", POLICY))
    assert len(world.sent) == before
    assert [p.state for p in world.recover_once("other")] == [State.NET_CANCELLED]


def test_a_slow_commit_of_the_claim_is_no_pause() -> None:
    """A journal that takes seconds for a claim must not keep its net-cancel from being sent."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    claimed_at = world.time
    world.time += COMMIT_BUDGET_SECONDS - 1.0
    assert world.run(flows.recover(claim, claimed_at, "worker", POLICY)).state is (
        State.NET_CANCELLED
    )


def test_a_bug_in_a_recovery_is_not_tried_again_at_once() -> None:
    """An exception keeps the lease as its back-off; only an interruption hands over."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    flow = flows.recover(claim, world.time, "worker", POLICY)
    next(flow)
    with pytest.raises(ZeroDivisionError):
        flow.throw(ZeroDivisionError())
    assert found(world).is_being_worked_on
    assert world.claim("other") == []


@pytest.mark.parametrize("turns", [1, 2])
def test_the_approval_of_a_fenced_owner_brings_the_debt_back(turns: int) -> None:
    """An owner paused past its lease wakes up with an approval: written and voided, not told."""
    world = World()
    flow = flows.approve(world.order(), POLICY)
    effect = world.go_to(flow, Exchange)
    for _ in range(turns):
        world.time += 100.0
        world.recover_once()
    assert found(world).state is State.NET_CANCELLED
    answer = world.perform(effect)
    told = world.go_on(flow, flow.send(answer))
    assert told.state is State.NET_CANCELLING
    assert world.gateway.charges == {"ORD_1": "live"}
    assert world.alarms
    world.recover_until_closed()
    world.check_books(told)


def test_late_evidence_does_not_keep_its_caller_for_long() -> None:
    """A fenced owner whose journal hangs gives up soon, with an alarm."""

    class Hanging(World):
        hangs = False

        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            if self.hangs and isinstance(effect, Write):
                self.time += COMMIT_BUDGET_SECONDS
                return Unavailable("hangs")
            return answer

    world = Hanging()
    flow = flows.approve(world.order(), POLICY)
    effect = world.go_to(flow, Exchange)
    world.time += 100.0
    world.recover_once()
    world.hangs = True
    began = world.time
    world.go_on(flow, effect)
    assert world.time - began < 4 * COMMIT_BUDGET_SECONDS
    assert world.alarms


def test_a_fenced_workers_answer_changes_nothing_but_the_history() -> None:
    """A worker whose lease was taken over writes its result into the history only."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("slow")[0]
    flow = flows.recover(claim, world.time, "slow", POLICY)
    effect = world.go_to(flow, Write)
    world.time += 100.0
    assert [p.state for p in world.recover_once("quick")] == [State.NET_CANCELLED]
    told = world.go_on(flow, effect)
    assert told.state is State.NET_CANCELLED
    row = found(world)
    assert row.history[-1].version.writer == "quick" or row.history[-1].source is row.state


def test_a_fenced_workers_acknowledgement_closes_nothing() -> None:
    """Whoever took over was refused, so the payment is still owed, whatever the first one heard."""
    world = World(Gateway(["lost-after"], ["lost-before", "done", "refused"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("slow")[0]
    flow = flows.recover(claim, world.time, "slow", POLICY)
    effect = world.go_to(flow, Write)
    assert effect.event is Event.ACKNOWLEDGED_LATE
    world.time += 100.0
    assert [p.state for p in world.recover_once("quick")] == [State.NET_CANCELLING]
    assert world.go_on(flow, effect).state is State.NET_CANCELLING
    assert found(world).state is State.NET_CANCELLING
