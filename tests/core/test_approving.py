"""What whoever asks for an approval is told, and what is sent for it."""

from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import Effect, Exchange, Unavailable
from netcancel.core.lifecycle import State
from netcancel.core.outcomes import Approved, Declined, InDoubt, NetCancelled, outcome_of
from netcancel.errors import DuplicateTransaction, JournalUnavailable, TooManyInDoubt
from netcancel.kicc import APPROVAL_PATH, NET_CANCEL_PATH, Loss
from tests.core.telling import found
from tests.core.world import POLICY, Gateway, World


def test_an_approval_is_sent_once_and_told() -> None:
    """A proven approval is told as such, with one request."""
    world = World()
    payment = world.approve(world.order())
    outcome = outcome_of(payment)
    assert isinstance(outcome, Approved)
    assert outcome.answer.aprv_no == "12345678"
    assert world.sent == [APPROVAL_PATH]


def test_an_answer_without_amount_is_approved_and_noted() -> None:
    """An absent amount contradicts nothing; the history says that it was absent (spec 3.1)."""
    world = World(Gateway(["amount-absent"]))
    assert world.approve(world.order()).state is State.APPROVED
    assert "no amount" in found(world).history[-1].note


def test_a_listed_decline_is_told_with_its_code() -> None:
    """A decline needs no net-cancel."""
    world = World(Gateway(["declined"]))
    outcome = outcome_of(world.approve(world.order()))
    assert isinstance(outcome, Declined)
    assert outcome.code == "8521"
    assert world.sent == [APPROVAL_PATH]


@pytest.mark.parametrize(
    ("fate", "loss"),
    [
        ("lost-before", Loss.READ_TIMEOUT),
        ("lost-after", Loss.READ_TIMEOUT),
        ("not-connected", Loss.CONNECTION_ERROR),
        ("unlisted", Loss.AMBIGUOUS_CODE),
        ("amount-differs-uncancellable", None),
    ],
)
def test_a_lost_answer_is_net_cancelled_at_once_by_its_caller(fate: str, loss: Loss | None) -> None:
    """Each kind of loss, and a sum without a number, is voided before the caller is told."""
    world = World(Gateway([fate]))
    outcome = outcome_of(world.approve(world.order()))
    assert isinstance(outcome, NetCancelled)
    assert outcome.loss is loss
    assert world.sent == [APPROVAL_PATH, NET_CANCEL_PATH]
    assert world.gateway.charges.get("ORD_1") != "live"


def test_an_intent_that_may_not_be_durable_sends_nothing() -> None:
    """Any doubt about the intent: JournalUnavailable, and no byte leaves (I4)."""
    world = World()
    flow = flows.approve(world.order(), POLICY)
    effect = next(flow)
    effect = flow.send(world.perform(effect))
    handing_over = flow.send(Unavailable("disk full"))
    world.perform(handing_over)
    with pytest.raises(JournalUnavailable):
        flow.send(None)
    assert world.sent == []


def test_too_many_in_doubt_writes_and_sends_nothing() -> None:
    """`max_in_doubt` payments in doubt: the next approval is refused before anything happens."""
    policy = replace(POLICY, max_in_doubt=1)
    world = World(Gateway(["lost-after"], ["lost-before"]), policy)
    world.approve(world.order())
    with pytest.raises(TooManyInDoubt):
        world.approve(world.order("ORD_2", writer="second"))
    assert world.find("ORD_2") is None
    assert len(world.sent) == 2


def test_a_signature_that_has_aged_is_not_sent() -> None:
    """A pause of two seconds between signing and sending: no approval, but its net-cancel."""
    world = World()

    class SlowJournal(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            if type(effect).__name__ == "Open":
                self.time += 2.0
            return answer

    world = SlowJournal()
    payment = world.approve(world.order())
    assert world.sent == [NET_CANCEL_PATH]
    assert payment.state is State.NET_CANCELLED
    assert payment.never_sent


def test_a_second_call_is_answered_from_the_journal() -> None:
    """Same number, same data: the first call's outcome, and nothing is sent again."""
    world = World()
    first = outcome_of(world.approve(world.order()))
    world.time += 86_400.0
    assert outcome_of(world.approve(world.order(writer="second"))) == first
    assert world.sent == [APPROVAL_PATH]


@pytest.mark.parametrize(
    "fields", [{"trx_amt": 10_001}, {"token_key": "TOKEN_2"}, {"user_data": "x"}, {"svc_amt": 1}]
)
def test_other_data_under_a_used_number_is_refused(fields: dict[str, Any]) -> None:
    """Same number, other data: DuplicateTransaction, whatever became of the first."""
    world = World(Gateway(["declined"]))
    world.approve(world.order())
    with pytest.raises(DuplicateTransaction):
        world.approve(world.order(writer="second", **fields))
    assert len(world.sent) == 1


def test_a_second_caller_waits_for_the_first() -> None:
    """While the owner is at work, a second caller of its number waits and is told the same."""
    world = World()
    order = world.order()
    owner = flows.approve(order, POLICY)
    sending = world.go_to(owner, Exchange)
    second = flows.approve(world.order(writer="second"), POLICY)
    looking = next(second)
    for _ in range(20):
        looking = second.send(world.perform(looking))
    first = world.go_on(owner, sending)
    told = world.go_on(second, looking)
    assert first.state is told.state is State.APPROVED
    assert world.sent == [APPROVAL_PATH]


def test_a_second_caller_does_not_wait_for_ever() -> None:
    """The owner died: a second caller gives up when the lease is over and tells InDoubt."""
    world = World()
    world.journal.open_new(world.order().intent).result()
    payment = world.approve(world.order(writer="second"))
    assert isinstance(outcome_of(payment), InDoubt)
    assert world.sent == []


def test_a_long_lease_makes_nobody_wait_longer() -> None:
    """A lease of an hour is for the journal; a second caller waits as long as an owner needs."""
    policy = replace(POLICY, lease_seconds=3000.0)
    world = World(policy=policy)
    world.journal.open_new(world.order().intent).result()
    began = world.time
    world.approve(world.order(writer="second"))
    assert world.time - began < policy.shortest_lease_seconds + 1.0
