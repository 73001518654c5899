"""What a flow writes of each answer to a cancel, and tells of it."""

import json
from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import CancelStamp, Effect, Find, OpenBody, Unavailable, Write
from netcancel.core.lifecycle import CancelReason, Event, State
from netcancel.core.payment import Asked
from netcancel.core.refund import freeze_cancel
from netcancel.errors import InvalidRequest, JournalUnavailable, PaymentNotFound
from netcancel.kicc import CANCEL_PATH, seoul_date_and_time
from tests.core.telling import charge, found, kept_answers, note_of
from tests.core.world import CANCEL_FATES, POLICY, Gateway, World


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("fate", CANCEL_FATES)
def test_the_bytes_of_a_cancels_answer_are_kept_likewise(fate: str, *, keeps: bool) -> None:
    """A refusal's too: its caller is told of it."""
    world = World(Gateway(cancels=[fate]))
    world.approve(world.order())
    world.effects.clear()
    world.run(flows.cancel(replace(world.wish(), keeps_answer=keeps), POLICY))
    kept = [each for each in kept_answers(world) if each is not None]
    codes = {"done": ["0000"], "refused": ["7777"]}
    assert [json.loads(each.body)["respCd"] for each in kept] == (
        codes.get(fate, []) if keeps else []
    )
    assert all(each.asked is Asked.CANCEL for each in kept)


def test_a_rejected_payment_says_so() -> None:
    """Its reason is the merchant's failure, not a wish."""
    world = World()
    world.approve(replace(world.order(), confirm_within=30.0))
    assert world.reject().cancel_reason is CancelReason.REJECTED


def test_a_worker_that_follows_a_dead_sender_says_so() -> None:
    """The cancel may have been worked: it is net-cancelled, and the history says why."""
    world = World(Gateway(["amount-differs"]))
    charge(world, world.order())
    world.time += 100.0
    world.recover_once()
    lost = "the cancel is lost: its sender died, or was too slow"
    assert note_of(world, Event.CANCEL_LOST) == lost


UNCANCELLABLE = "no cancel can be built from what the approval's answer says"


@pytest.mark.parametrize("act", ["ask", "miss"])
def test_a_charge_that_no_cancel_can_name_says_so(act: str) -> None:
    """Whoever wants it cancelled."""
    world = World(Gateway(says={"aprvNo": ""}))
    world.approve(replace(world.order(), confirm_within=30.0))
    if act == "ask":
        world.cancel()
    else:
        world.time += 31.0
        world.recover_once()
    assert note_of(world, Event.CANCEL_LOST) == UNCANCELLABLE


AUTHENTICATION = replace(POLICY, authentication_codes=frozenset({"7777"}))

ASK_A_PERSON = replace(POLICY, lost_cancel="ask-a-person")

REFUSED_SIGNATURE = "the cancel is lost: its signature was refused with 7777"

CANCELLED: dict[str, tuple[Event, str, str | None, str | None]] = {
    "done": (Event.CANCEL_PROVEN, "0000 said 0000", "0000", "said 0000"),
    "refused": (
        Event.CANCEL_REFUSED,
        "the cancel was refused with 7777",
        "7777",
        "said 7777",
    ),
    "lost-before": (
        Event.CANCEL_LOST,
        "the cancel is lost: read-timeout: no answer",
        "0000",
        "said 0000",
    ),
    "not-connected": (
        Event.CANCEL_LOST,
        "the cancel is lost: connection-error: refused",
        "0000",
        "said 0000",
    ),
}
"""Of each fate of a cancel: what is written, and the payment's code and message in the end."""


@pytest.mark.parametrize("fate", CANCELLED)
def test_of_each_answer_to_a_cancel_is_written_what_it_proves(fate: str) -> None:
    """A refusal alarms a person, in the same words."""
    world = World(Gateway(cancels=[fate]))
    world.approve(world.order())
    payment = world.cancel()
    event, note, code, message = CANCELLED[fate]
    assert note_of(world, event) == note
    assert (payment.code, payment.message) == (code, message)
    assert world.alarms == ([note] if fate == "refused" else [])
    assert payment.alarmed is (fate == "refused")
    asked_or_lost = Event.CANCEL_LOST if event is Event.CANCEL_LOST else Event.CANCEL_ASKED
    (begun,) = [entry.at for entry in found(world).history if entry.event is asked_or_lost]
    assert payment.owed_since == begun


@pytest.mark.parametrize("act", ["own", "mismatch"])
def test_a_cancel_whose_signature_is_refused_says_so(act: str) -> None:
    """Its caller's net-cancel follows; the owner of another sum leaves that to recovery."""
    approval = "approved" if act == "own" else "amount-differs"
    world = World(Gateway([approval], cancels=["refused"]), AUTHENTICATION)
    payment = world.approve(world.order())
    if act == "own":
        payment = world.cancel()
    assert note_of(world, Event.CANCEL_LOST) == REFUSED_SIGNATURE
    assert world.alarms == ["the gateway refused the signature of its cancel"]
    state = State.SETTLING if act == "own" else State.NET_CANCELLING
    assert (payment.state, payment.attempts) == (state, 1 if act == "own" else 0)


@pytest.mark.parametrize("why", ["policy", "shredded", "old"])
def test_a_lost_cancel_that_no_net_cancel_may_follow_says_why(why: str) -> None:
    """A person hears of it in the same words."""

    class Shredded(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            return None if isinstance(effect, OpenBody) and why == "shredded" else answer

    gateway = Gateway(cancels=["lost-after"])
    world = Shredded(gateway, ASK_A_PERSON if why == "policy" else POLICY)
    world.approve(world.order())
    world.time += POLICY.retry_window_seconds if why == "old" else 0.0
    payment = world.cancel()
    reason = {
        "policy": "a person is to decide, by the policy",
        "shredded": "the net-cancel's data is shredded or can't be opened",
        "old": "the approval is older than the retry window",
    }[why]
    says = f"the cancel is lost: read-timeout: no answer; {reason}"
    assert (payment.state, payment.alarmed) == (State.ESCALATED, True)
    assert note_of(world, Event.CANCEL_UNDECIDED) == says
    assert world.alarms == [says]


def test_a_lost_cancel_of_a_settled_approval_is_void_at_once() -> None:
    """No approval can follow its net-cancel any more."""
    world = World(Gateway(cancels=["lost-after"]))
    world.approve(world.order())
    world.time += POLICY.settle_seconds + 10.0
    assert world.cancel().last_event is Event.ACKNOWLEDGED_LATE


@pytest.mark.parametrize("applied", [True, False])
@pytest.mark.parametrize("act", ["cancel", "reject"])
def test_an_unclear_asking_for_a_cancel_is_resolved(act: str, *, applied: bool) -> None:
    """It is looked for and, where it isn't there, asked again."""

    class Troubled(World):
        troubles = 1

        def perform(self, effect: Effect[Any]) -> Any:
            if not isinstance(effect, Write) or effect.writer == "owner" or not self.troubles:
                return super().perform(effect)
            self.troubles -= 1
            if applied:
                super().perform(effect)
            return Unavailable("the connection broke")

    world = Troubled()
    world.approve(replace(world.order(), confirm_within=30.0))
    payment = world.cancel() if act == "cancel" else world.reject()
    assert payment.state is State.CANCELLED


def test_whoever_asks_for_a_cancel_asks_again_when_a_confirmation_was_faster() -> None:
    """An approved payment can be cancelled as well; a rejected one is left alone."""

    class Confirmed(World):
        def perform(self, effect: Effect[Any]) -> Any:
            if isinstance(effect, Write) and effect.seen.state is State.UNCONFIRMED:
                self.confirm()
            return super().perform(effect)

    for act, state in (("cancel", State.CANCELLED), ("reject", State.APPROVED)):
        world = Confirmed()
        world.approve(replace(world.order(), confirm_within=30.0))
        assert (world.cancel() if act == "cancel" else world.reject()).state is state


def test_a_charge_that_no_cancel_can_name_has_no_attempt_yet() -> None:
    """Whoever asked for its cancel died: recovery knows that none was sent."""
    world = World(Gateway(says={"aprvNo": ""}))
    world.approve(world.order())
    flow = flows.cancel(world.wish(), POLICY)
    world.perform(world.go_to(flow, Write))
    flow.close()
    row = found(world)
    assert (row.state, row.attempts) == (State.CANCELLING, 0)
    world.time += 100.0
    world.recover_once()
    assert note_of(world, Event.CANCEL_LOST) == UNCANCELLABLE


class NotOpening(World):
    """A journal that can't be asked for a frozen body just now."""

    def perform(self, effect: Effect[Any]) -> Any:
        """Do all else."""
        answer = super().perform(effect)
        return Unavailable("busy") if isinstance(effect, OpenBody) else answer


def test_a_lost_cancel_whose_net_cancel_can_not_be_opened_now_is_due_at_once() -> None:
    """A new debt, with no attempt yet, for whoever can open it."""
    world = NotOpening(Gateway(cancels=["lost-after"]))
    world.approve(world.order())
    payment = world.cancel()
    assert (payment.state, payment.is_held, payment.attempts) == (State.NET_CANCELLING, False, 0)
    assert payment.due_at == payment.owed_since == payment.read_at


def test_a_cancel_of_an_approval_under_way_is_due_at_once() -> None:
    """Its owner is fenced, and the history says why."""
    world = World()
    world.journal.open_new(world.order().intent).result()
    payment = world.cancel()
    assert (payment.state, payment.is_held) == (State.NET_CANCELLING, False)
    assert payment.due_at == payment.owed_since == payment.updated_at
    assert payment.detail == "a cancel was asked for before the outcome was known"
    assert payment.cancel_reason is None


def test_a_cancel_has_the_number_that_its_caller_chose_and_todays_date() -> None:
    """A number that a payment has is refused."""
    world = World()
    world.approve(world.order())
    world.approve(world.order("ORD_2"))
    world.time += 86_400.0
    for number, says in {
        "ORD_2": "must be a number that no payment has",
        "ORD_1": "must be a number that no payment has",
    }.items():
        with pytest.raises(InvalidRequest, match=f"^cancel_trx_no: {says}$"):
            world.run(flows.cancel(replace(world.wish(), cancel_trx_no=number), POLICY))
    world.run(flows.cancel(replace(world.wish(), cancel_trx_no="MINE"), POLICY))
    sent = json.loads(world.gateway.bodies[-1][1])
    today = seoul_date_and_time(world.time)
    assert (sent["mercTrxNo"], sent["tranDt"], sent["tranTm"][:4]) == (
        "MINE",
        today[0],
        today[1][:4],
    )
    payment = found(world)
    assert (payment.cancel_trx_no, payment.attempts) == ("MINE", 1)
    assert payment.owed_since is not None
    assert payment.owed_since >= payment.created_at + 86_400 * 10**6


def test_a_cancel_that_somebody_else_wrote_is_sent_as_it_is() -> None:
    """Byte for byte."""
    world = World()
    payment = world.approve(world.order())
    frozen = freeze_cancel(payment, CancelStamp("MINE", "20231115", "000000"))
    assert frozen is not None
    body = json.dumps(json.loads(frozen.body), indent=1).encode()
    assert world.run(flows.cancel(replace(world.wish(), body=body), POLICY)).state is (
        State.CANCELLED
    )
    assert world.gateway.bodies[-1] == (CANCEL_PATH, body)


def test_what_is_not_there_to_be_cancelled_is_told_in_words() -> None:
    """Unknown, or a journal that can't be read."""
    world = World()
    says = "^the journal knows no such payment of this gateway$"
    for act in (flows.cancel, flows.reject):
        with pytest.raises(PaymentNotFound, match=says):
            world.run(act(world.wish("UNKNOWN"), POLICY))

    class Unread(World):
        def perform(self, effect: Effect[Any]) -> Any:
            return Unavailable("locked") if isinstance(effect, Find) else super().perform(effect)

    with pytest.raises(JournalUnavailable, match=r"^the journal could not be read: locked$"):
        Unread().cancel()
