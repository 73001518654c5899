"""What a flow writes of each answer to an approval, and tells of it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import Effect, Open, Unavailable
from netcancel.core.lifecycle import CancelReason, Event, State
from netcancel.core.payment import Asked, Used
from netcancel.errors import DuplicateTransaction, JournalUnavailable, TooManyInDoubt
from netcancel.kicc import CANCEL_PATH, Loss
from tests.core.telling import charge, found, kept_answers, note_of
from tests.core.world import APPROVAL_FATES, POLICY, Gateway, World

OTHER_SUM = "10001 approved where 10000 was asked for"

WRITTEN: dict[str, dict[str, Any]] = {
    "approved": {"state": State.APPROVED, "code": "0000"},
    "amount-absent": {"state": State.APPROVED, "code": "0000"},
    "declined": {"state": State.DECLINED, "code": "8521", "message": "said 8521"},
    "lost-before": {"loss": Loss.READ_TIMEOUT, "detail": "no answer"},
    "lost-after": {"loss": Loss.READ_TIMEOUT, "detail": "no answer"},
    "delayed": {"loss": Loss.READ_TIMEOUT, "detail": "no answer"},
    "not-connected": {"loss": Loss.CONNECTION_ERROR, "detail": "refused", "never_sent": True},
    "unlisted": {
        "loss": Loss.AMBIGUOUS_CODE,
        "detail": "code 9999 proves neither an approval nor a decline",
        "code": "9999",
    },
    "amount-differs": {
        "state": State.CANCELLING,
        "detail": OTHER_SUM,
        "cancel_reason": CancelReason.AMOUNT_MISMATCH,
        "cancel_trx_no": "CANCEL_1",
    },
    "amount-differs-uncancellable": {"detail": OTHER_SUM},
}
"""Of each fate of an approval; where nothing else is said, a net-cancel is owed."""

NOTES = {
    "approved": "0000",
    "amount-absent": "the answer named no amount",
    "declined": "8521 said 8521",
}
"""What the history says, where it isn't the detail."""

NOTHING: dict[str, Any] = {
    "state": State.NET_CANCELLING,
    "loss": None,
    "code": None,
    "message": None,
    "detail": "",
    "never_sent": False,
    "cancel_reason": None,
    "cancel_trx_no": None,
}


@pytest.mark.parametrize("fate", APPROVAL_FATES)
def test_of_each_answer_to_an_approval_is_written_what_it_proves(fate: str) -> None:
    """Before anybody is told, and before anything follows."""
    world = World(Gateway([fate]))
    told = charge(world, world.order()).payment
    written = NOTHING | WRITTEN[fate]
    assert {name: getattr(told, name) for name in written} == written
    row = found(world)
    assert row.version == told.version
    assert row.attempts == (0 if row.state.is_final else 1)
    assert row.history[-1].note == NOTES.get(fate, written["detail"])


def test_an_approval_that_was_not_sent_says_why() -> None:
    """Its journal took too long for the intent."""

    class Slow(World):
        def perform(self, effect: Effect[Any]) -> Any:
            self.time += 2.0 if isinstance(effect, Open) else 0.0
            return super().perform(effect)

    world = Slow()
    told = charge(world, world.order()).payment
    assert (told.state, told.never_sent, told.loss) == (State.NET_CANCELLING, True, None)
    assert told.detail == "not sent: too much time had passed since it was signed"


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("fate", APPROVAL_FATES)
def test_the_bytes_of_a_proof_are_kept_for_whoever_asks_for_them(fate: str, *, keeps: bool) -> None:
    """Written with the move that they prove; what proves nothing is not kept."""
    world = World(Gateway([fate]))
    charge(world, replace(world.order(), keeps_answer=keeps))
    (kept,) = kept_answers(world)
    if not keeps or fate not in {"approved", "amount-absent", "declined"}:
        assert kept is None
    else:
        assert kept is not None
        assert kept.asked is Asked.APPROVAL
        assert json.loads(kept.body)["respCd"] == found(world).code


REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "archived": (
        Used("approved", 1, 2),
        DuplicateTransaction,
        "^this number was used before, by a payment that is archived$",
    ),
    "silent": (
        Unavailable("disk full"),
        JournalUnavailable,
        "^the intent could not be written: disk full$",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_an_approval_that_can_not_begin_says_why(case: str) -> None:
    """And sends nothing."""
    opened, error, says = REFUSALS[case]
    with pytest.raises(error, match=says):
        opening(opened, lambda world: flows.approve(world.order(), POLICY))


def opening(opened: Any, make: Any) -> None:
    """Run a flow on a journal that gives this answer to its intent; nothing may be sent."""

    class Answering(World):
        def perform(self, effect: Effect[Any]) -> Any:
            return opened if isinstance(effect, Open) else super().perform(effect)

    world = Answering()
    try:
        world.run(make(world))
    finally:
        assert world.gateway.bodies == []


def test_a_used_number_and_too_many_in_doubt_are_told_apart() -> None:
    """Each says what is the matter."""
    world = World(Gateway(["lost-after"], ["lost-before"]), replace(POLICY, max_in_doubt=1))
    world.approve(world.order())
    with pytest.raises(DuplicateTransaction, match="used before, with other data or in another"):
        world.approve(world.order(trx_amt=10_001))
    with pytest.raises(TooManyInDoubt, match=r"^1 payments are in doubt; nothing was sent$"):
        world.approve(world.order("ORD_2"))


def test_another_sum_is_told_before_its_cancel_is_sent() -> None:
    """In halves, too."""
    world = World(Gateway(["amount-differs"]))
    charged = charge(world, world.order())
    assert charged.payment.state is State.CANCELLING
    assert CANCEL_PATH not in world.sent
    assert charged.rest is not None
    assert world.run(charged.rest).state is State.CANCELLED


def test_the_owner_of_another_sum_leaves_the_net_cancel_to_recovery() -> None:
    """It has held its caller for two requests; a lost cancel's net-cancel is due at once."""
    world = World(Gateway(["amount-differs"], cancels=["lost-after"]))
    payment = world.approve(world.order())
    assert (payment.state, payment.is_held) == (State.NET_CANCELLING, False)
    assert payment.due_at == payment.read_at
    assert world.gateway.bodies[-1][0] == CANCEL_PATH
    assert note_of(world, Event.CANCEL_LOST) == "the cancel is lost: read-timeout: no answer"
