"""What flows do when a write gets no clear answer, or the journal is gone."""

from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import Effect, Read, Unavailable, Write
from netcancel.core.lifecycle import Event, State
from netcancel.core.outcomes import InDoubt, outcome_of
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import JournalUnavailable
from netcancel.journal.sqlite_file import BUSY_SECONDS
from netcancel.kicc import APPROVAL_PATH, Loss
from tests.core.telling import found
from tests.core.world import POLICY, Gateway, World


class Troubled(World):
    """A journal whose write of the verdict gets no clear answer, applied or not."""

    def __init__(self, *, applied: bool, gateway: Gateway | None = None) -> None:
        super().__init__(gateway)
        self.applied = applied
        self.troubles = 1

    def perform(self, effect: Effect[Any]) -> Any:
        """Lose the answer to the first write."""
        if isinstance(effect, Write) and self.troubles:
            self.troubles -= 1
            if self.applied:
                super().perform(effect)
            return Unavailable("the connection broke")
        return super().perform(effect)


@pytest.mark.parametrize("applied", [True, False])
def test_an_unclear_write_is_resolved_by_reading(applied: bool) -> None:
    """A commit that raised may have been applied: the row tells, and approved is told."""
    world = Troubled(applied=applied)
    assert world.approve(world.order()).state is State.APPROVED
    world.check_books()


@pytest.mark.parametrize("applied", [True, False])
def test_an_unclear_write_of_a_loss_still_voids(applied: bool) -> None:
    """The same for a lost answer: the net-cancel goes out once the row is known to be ours."""
    world = Troubled(applied=applied, gateway=Gateway(["lost-after"]))
    assert world.approve(world.order()).state is State.SETTLING


def test_an_applied_write_is_not_taken_for_a_takeover() -> None:
    """Our approval was written, the commit's answer lost: it is no evidence against itself."""
    world = Troubled(applied=True)
    flow = flows.approve(world.order(), POLICY)
    assert world.run(flow).state is State.APPROVED
    assert [entry.event for entry in found(world).history] == [
        Event.INTENT_WRITTEN,
        Event.APPROVAL_PROVEN,
    ]
    assert world.alarms == []


def test_an_approval_that_can_not_be_written_is_not_told() -> None:
    """The journal is gone until the lease is over: InDoubt, and recovery voids the charge."""

    class Gone(World):
        gone = True

        def perform(self, effect: Effect[Any]) -> Any:
            if self.gone and isinstance(effect, Write | Read):
                return Unavailable("gone")
            return super().perform(effect)

    world = Gone()
    assert isinstance(outcome_of(world.approve(world.order())), InDoubt)
    assert world.gateway.charges == {"ORD_1": "live"}
    world.gone = False
    world.recover_until_closed()
    world.check_books()


def test_what_can_not_be_written_is_not_voided_out_of_memory() -> None:
    """Its approval may be there all the same: whoever asks again is told so, and it stands."""

    class Mute(World):
        mute = True

        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            return Unavailable("mute") if self.mute and isinstance(effect, Write | Read) else answer

    world = Mute()
    assert isinstance(outcome_of(world.approve(world.order())), InDoubt)
    assert world.sent == [APPROVAL_PATH]
    world.mute = False
    told = world.approve(world.order(writer="second"))
    assert told.state is State.APPROVED
    world.check_books(told)


def test_a_closed_journal_is_not_asked_again() -> None:
    """Its owner closed it under an approval: told at once, not when the lease is over."""

    class Closed(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write | Read):
                return Unavailable("closed", for_good=True)
            return super().perform(effect)

    world = Closed()
    began = world.time
    assert isinstance(outcome_of(world.approve(world.order())), InDoubt)
    assert world.time - began < 1.0


def test_an_unwritten_result_of_a_net_cancel_keeps_the_loss() -> None:
    """InDoubt tells why the approval's answer was lost, whatever happens later."""

    class GoneLater(World):
        writes = 0

        def perform(self, effect: Effect[Any]) -> Any:
            self.writes += isinstance(effect, Write)
            if self.writes >= 2 and isinstance(effect, Write | Read):
                return Unavailable("gone")
            return super().perform(effect)

    outcome = outcome_of((world := GoneLater(Gateway(["lost-after"]))).approve(world.order()))
    assert isinstance(outcome, InDoubt)
    assert outcome.loss is Loss.READ_TIMEOUT


@pytest.mark.parametrize("act", ["cancel", "reject"])
def test_who_asks_for_a_cancel_is_not_kept_by_a_journal_that_hangs(act: str) -> None:
    """Nothing is sent before it is written: a lock of the caller's own is not waited for."""

    class Hanging(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write) and effect.writer != "owner":
                self.time += BUSY_SECONDS
                return Unavailable("locked")
            return super().perform(effect)

    world = Hanging()
    world.approve(replace(world.order(), confirm_within=30.0))
    began = world.time
    with pytest.raises(JournalUnavailable, match="nothing was sent"):
        world.cancel() if act == "cancel" else world.reject()
    assert world.time - began < COMMIT_BUDGET_SECONDS + BUSY_SECONDS
    assert found(world).state is State.UNCONFIRMED
    assert world.sent == [APPROVAL_PATH]
