"""A valid approval in the hands of an owner who was fenced: wherever the payment is by then."""

from collections.abc import Callable
from typing import Any

import pytest

from netcancel import operators
from netcancel.core import flows
from netcancel.core.effects import Effect, Exchange, Flow, Note, Read, Sleep, Unavailable, Write
from netcancel.core.lifecycle import CancelReason, Event, Resolution, State
from netcancel.core.payment import Change, FrozenCancel, Payment
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.kicc import ApprovalAnswer, ApprovalProven, judge_approval
from tests.core.world import POLICY, World

OTHER_ANSWER = ApprovalAnswer(aprv_no="87654321", trx_amt=10_000)
CANCEL = FrozenCancel("CANCEL_1", b'{"mercTrxNo":"CANCEL_1"}')
LATER_SECONDS = 1_000.0
"""The owner's lease is over, and the settle time."""

WAYS: dict[State, list[tuple[Event, Change]]] = {
    State.DECLINED: [(Event.DECLINE_PROVEN, Change(code="8521"))],
    State.APPROVED: [(Event.APPROVAL_PROVEN, Change(answer=OTHER_ANSWER))],
    State.NET_CANCELLING: [(Event.OWNER_GAVE_UP, Change(due_seconds=0.0, begins_debt=True))],
    State.CANCELLING: [
        (
            Event.AMOUNT_DIFFERS,
            Change(
                due_seconds=0.0,
                begins_debt=True,
                answer=OTHER_ANSWER,
                cancel=CANCEL,
                cancel_reason=CancelReason.ASKED,
            ),
        )
    ],
}
WAYS[State.SETTLING] = [
    *WAYS[State.NET_CANCELLING],
    (Event.ACKNOWLEDGED_EARLY, Change(due_seconds=60.0)),
]
WAYS[State.NET_CANCELLED] = [*WAYS[State.NET_CANCELLING], (Event.ACKNOWLEDGED_LATE, Change())]
WAYS[State.CANCELLED] = [*WAYS[State.CANCELLING], (Event.CANCEL_PROVEN, Change())]
WAYS[State.ESCALATED] = [*WAYS[State.NET_CANCELLING], (Event.WINDOW_CLOSED, Change())]
WAYS[State.RESOLVED] = [
    *WAYS[State.ESCALATED],
    (Event.RESOLVED, Change(resolution=Resolution.NO_CHARGE)),
]

BECOMES = {state: state for state in WAYS} | {
    State.SETTLING: State.NET_CANCELLING,
    State.NET_CANCELLED: State.NET_CANCELLING,
    State.RESOLVED: State.ESCALATED,
}


class Fenced:
    """An owner with the answer in its hand, and what somebody made of its payment meanwhile."""

    def __init__(self, world: World, state: State) -> None:
        self.world = world
        self.flow: Flow[Payment] = flows.approve(world.order(), POLICY)
        self._answer = world.perform(world.go_to(self.flow, Exchange))
        world.time += LATER_SECONDS
        for event, change in WAYS[state]:
            moved = world.journal.move_if_unchanged(self.seen(), event, "somebody", change)
            assert moved.result() is not None
        world.time += LATER_SECONDS

    def seen(self) -> Payment:
        """Read the payment."""
        payment = self.world.find()
        assert payment is not None
        return payment

    def go_on(self) -> Payment:
        """Let the owner write what it has."""
        return self.world.go_on(self.flow, self.flow.send(self._answer))


@pytest.mark.parametrize("state", WAYS)
def test_late_evidence_leads_where_the_table_says(state: State) -> None:
    """It is in the history, with an alarm, whatever the payment has become."""
    fenced = Fenced(World(), state)
    told = fenced.go_on()
    payment = fenced.seen()
    assert told.state is payment.state is BECOMES[state]
    assert [entry.event for entry in payment.history].count(Event.LATE_APPROVAL) == 1
    assert len(fenced.world.alarms) == 1
    assert payment.answer is not None


class Broken(World):
    """A journal that gives no clear answer to the first writings of evidence."""

    def __init__(self, *, applied: bool) -> None:
        super().__init__()
        self.applied = applied
        self.troubles = 3

    def perform(self, effect: Effect[Any]) -> Any:
        """Lose the answer, with or without what was written."""
        is_evidence = isinstance(effect, Note | Write) and effect.event is Event.LATE_APPROVAL
        if not is_evidence or not self.troubles:
            return super().perform(effect)
        self.troubles -= 1
        if self.applied:
            super().perform(effect)
        return Unavailable("the connection broke")


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("state", WAYS)
def test_late_evidence_outlives_a_busy_journal(state: State, *, applied: bool) -> None:
    """Noted or moved, it is tried until it is there, and a person hears of it once."""
    fenced = Fenced(Broken(applied=applied), state)
    fenced.go_on()
    payment = fenced.seen()
    assert payment.state is BECOMES[state]
    assert Event.LATE_APPROVAL in [entry.event for entry in payment.history]
    assert len(fenced.world.alarms) == 1


WORDS = "a valid approval came late, after somebody had taken over"


@pytest.mark.parametrize("state", WAYS)
def test_late_evidence_says_the_same_to_history_and_person(state: State) -> None:
    """And brings back a debt that begins now, where it brings one back."""
    fenced = Fenced(World(), state)
    fenced.go_on()
    row = fenced.seen()
    assert [entry.note for entry in row.history if entry.event is Event.LATE_APPROVAL] in (
        [WORDS],
        [f"{WORDS} (noted by owner)"],
    )
    assert fenced.world.alarms == [WORDS]
    if row.state is State.NET_CANCELLING:
        assert (row.is_held, row.attempts) == (False, 0)
        assert row.due_at == row.owed_since == row.updated_at


def waits_of(fenced: Fenced) -> list[float]:
    """Let the owner go on; return its waits for the journal."""
    fenced.world.effects.clear()
    fenced.go_on()
    return [effect.seconds for effect in fenced.world.effects if isinstance(effect, Sleep)]


def test_late_evidence_is_tried_ever_less_often() -> None:
    """Three troubles, three waits."""
    assert waits_of(Fenced(Broken(applied=False), State.NET_CANCELLING)) == [0.05, 0.1, 0.2]


def test_late_evidence_that_a_row_has_already_is_not_written_again() -> None:
    """An unclear write was applied: its answer is there, and a person hears of it."""
    fenced = Fenced(Broken(applied=True), State.NET_CANCELLING)
    assert waits_of(fenced) == [0.05]
    assert fenced.world.alarms == [WORDS]


def test_evidence_that_the_journal_has_is_no_news() -> None:
    """Whoever took over had the very same answer: nobody is alarmed, nothing is noted."""
    world = World()
    flow = flows.approve(world.order(), POLICY)
    effect = next(flow)
    while not isinstance(effect, Exchange):
        effect = flow.send(world.perform(effect))
    answer = world.perform(effect)
    seen = world.find()
    assert seen is not None
    proven = judge_approval(answer, world.order().expected, POLICY.declines)
    assert isinstance(proven, ApprovalProven)
    change = Change(answer=proven.answer)
    world.journal.move_if_unchanged(seen, Event.APPROVAL_PROVEN, "somebody", change).result()
    told = world.go_on(flow, flow.send(answer))
    assert told.state is State.APPROVED
    assert world.alarms == []


class Silent(World):
    """A journal that gives no answer to evidence, nor to whoever reads after it."""

    silent_reads = False

    def perform(self, effect: Effect[Any]) -> Any:
        """Answer all else."""
        if isinstance(effect, Note | Write) and effect.event is Event.LATE_APPROVAL:
            self.silent_reads = True
            return Unavailable("the connection broke")
        if self.silent_reads and isinstance(effect, Read):
            return Unavailable("the connection broke")
        return super().perform(effect)


def test_late_evidence_that_can_not_be_written_down_is_a_persons() -> None:
    """After what a commit may take, with the payment as it was last seen."""
    fenced = Fenced(Silent(), State.NET_CANCELLING)
    begun = fenced.world.time
    told = fenced.go_on()
    assert told.state is State.NET_CANCELLING
    assert fenced.world.alarms == [f"{WORDS}; it could not be written down"]
    assert 0.0 <= fenced.world.time - begun - COMMIT_BUDGET_SECONDS <= 0.5


def test_late_evidence_that_took_its_time_is_not_tried_again() -> None:
    """Its caller has waited long enough."""

    class Slow(Silent):
        def perform(self, effect: Effect[Any]) -> Any:
            is_evidence = isinstance(effect, Write) and effect.event is Event.LATE_APPROVAL
            self.time += COMMIT_BUDGET_SECONDS if is_evidence else 0.0
            return super().perform(effect)

    assert waits_of(Fenced(Slow(), State.NET_CANCELLING)) == []


def resolve(fenced: Fenced, seen: Payment) -> Payment | None:
    """Close it as never charged."""
    return operators.resolve(
        fenced.world.journal, seen, POLICY, Resolution.NO_CHARGE, by="Kim", note="not found"
    ).result()


def retry(fenced: Fenced, seen: Payment) -> Payment | None:
    """Give it back to recovery."""
    return operators.retry(fenced.world.journal, seen, by="Kim").result()


@pytest.mark.parametrize("decide", [resolve, retry])
def test_a_person_decides_on_no_less_than_the_evidence(
    decide: Callable[[Fenced, Payment], Payment | None],
) -> None:
    """What was seen before the proof came is not enough any more; it must be looked at again."""
    fenced = Fenced(World(), State.ESCALATED)
    before = fenced.seen()
    fenced.go_on()
    assert decide(fenced, before) is None
    after = fenced.seen()
    assert (after.state, after.answer is not None) == (State.ESCALATED, True)
    fenced.world.time += LATER_SECONDS
    assert decide(fenced, fenced.seen()) is not None


def test_a_person_who_was_faster_hears_of_the_evidence() -> None:
    """Closed in the moment before the proof is written down: it is a person's again."""

    class Overtaken(World):
        closers = 1

        def perform(self, effect: Effect[Any]) -> Any:
            is_evidence = isinstance(effect, Write) and effect.event is Event.LATE_APPROVAL
            if is_evidence and self.closers:
                self.closers -= 1
                resolve(fenced, fenced.seen())
            return super().perform(effect)

    fenced = Fenced(Overtaken(), State.ESCALATED)
    assert fenced.go_on().state is State.ESCALATED
    events = [entry.event for entry in fenced.seen().history]
    assert events[-2:] == [Event.RESOLVED, Event.LATE_APPROVAL]
