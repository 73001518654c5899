"""Cancel, confirm and amount mismatch: every fate, and death before and after every effect."""

import itertools
import json
from dataclasses import replace
from typing import Any

import pytest

from netcancel import operators
from netcancel.core import flows
from netcancel.core.lifecycle import CancelReason, Event, State
from netcancel.core.outcomes import (
    Approved,
    Cancelled,
    CancelRefused,
    InDoubt,
    NetCancelled,
    cancel_outcome_of,
    outcome_of,
)
from netcancel.errors import ConfigurationError, InvalidRequest, PaymentNotFound
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH
from tests.core.world import (
    CANCEL_FATES,
    MERCHANT,
    NET_CANCEL_FATES,
    POLICY,
    WORLD,
    Death,
    Gateway,
    World,
)

ASK_A_PERSON = replace(POLICY, lost_cancel="ask-a-person")
AMOUNT_AND_ONE = 10_001


def found(world: World) -> State:
    """Return the payment's state."""
    payment = world.find()
    assert payment is not None
    return payment.state


def test_a_cancel_refunds_and_is_told_again() -> None:
    """An approved payment is refunded once, however often it is asked for."""
    world = World()
    world.approve(world.order())
    first = cancel_outcome_of(world.cancel())
    assert isinstance(first, Cancelled)
    assert (first.reason, first.requested, first.approved) == ("asked", 10_000, 10_000)
    assert cancel_outcome_of(world.cancel(writer="again")) == first
    assert outcome_of(world.approve(world.order(writer="third"))) == first
    assert world.sent == [APPROVAL_PATH, CANCEL_PATH]
    world.check_books()


def test_a_lost_cancel_is_followed_by_a_net_cancel() -> None:
    """The answer is lost: the original's frozen data voids it, whatever became of the cancel."""
    for fate in ("lost-before", "lost-after", "not-connected"):
        world = World(Gateway(cancels=[fate]))
        world.approve(world.order())
        assert isinstance(cancel_outcome_of(world.cancel()), NetCancelled)
        assert world.sent == [APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH]
        world.recover_until_closed()
        world.check_books()


def test_a_refused_cancel_is_a_persons_and_is_told_again_as_refused() -> None:
    """The code is kept, a person is alarmed, and a second call hears the same."""
    world = World(Gateway(cancels=["refused"]))
    world.approve(world.order())
    first = cancel_outcome_of(world.cancel())
    assert isinstance(first, CancelRefused)
    assert (first.code, first.state) == ("7777", State.ESCALATED)
    assert cancel_outcome_of(world.cancel(writer="again")) == first
    assert world.alarms
    assert world.sent.count(CANCEL_PATH) == 1


def test_a_policy_may_hand_a_lost_cancel_to_a_person() -> None:
    """Asked not to net-cancel after a lost cancel, nothing more is sent."""
    world = World(Gateway(cancels=["lost-after"]), ASK_A_PERSON)
    world.approve(world.order())
    assert world.cancel().state is State.ESCALATED
    assert NET_CANCEL_PATH not in world.sent


def test_an_old_approval_is_not_net_cancelled_for_a_lost_cancel() -> None:
    """Gateways take no net-cancels of last month: a person decides."""
    world = World(Gateway(cancels=["lost-after"]))
    world.approve(world.order())
    world.time += POLICY.retry_window_seconds
    assert world.cancel().state is State.ESCALATED
    assert NET_CANCEL_PATH not in world.sent


def test_what_cannot_be_cancelled_is_said_before_anything_is_written() -> None:
    """Unknown, another world's, under the payment's own number, under none."""
    world = World()
    with pytest.raises(PaymentNotFound):
        world.cancel("UNKNOWN")
    world.approve(world.order())
    elsewhere = replace(world.wish(), worlds=frozenset(["elsewhere"]))
    with pytest.raises(PaymentNotFound):
        world.run(flows.cancel(elsewhere, world.policy))
    for number in ("ORD_1", "N" * 41, "한글", ""):
        with pytest.raises(InvalidRequest, match="cancel_trx_no"):
            world.run(flows.cancel(replace(world.wish(), cancel_trx_no=number), world.policy))
    assert found(world) is State.APPROVED
    assert CANCEL_PATH not in world.sent


USUAL = {"aprvDt": "20231226", "trxDt": "20231227", "vanTrxNo": "V20231226S0001"}
ODD: list[Any] = ["", "한글", "1 2", "1" * 21, None, 20231225, [], {"no": 1}, True]
ODD_PARTS = [(name, value) for name in USUAL for value in ODD]
ODD_PARTS += [("aprvDt", "20231301"), ("aprvDt", "2023-12-25"), ("trxDt", "20230229")]


@pytest.mark.parametrize(("name", "value"), ODD_PARTS)
def test_a_cancel_is_built_from_what_the_answer_has_that_can_be_carried(
    name: str, value: Any
) -> None:
    """An odd date or VAN number has a substitute: the cancel goes out, and refunds."""
    world = World(Gateway(says=USUAL | {name: value}))
    world.approve(world.order())
    assert world.cancel().state is State.CANCELLED
    sent = json.loads(world.gateway.bodies[-1][1])
    vans = ("T", USUAL["vanTrxNo"])
    assert (sent["wcc"], sent["cndTrxNo"]) == (("G", "ORD_1") if name == "vanTrxNo" else vans)
    assert sent["orgAprvDt"] == USUAL["trxDt" if name == "aprvDt" else "aprvDt"]


def test_without_any_date_of_the_answers_our_own_is_said() -> None:
    """The date that the approval was sent with is a day of the calendar."""
    world = World(Gateway(says={"aprvDt": "0", "trxDt": "soon"}))
    payment = world.approve(world.order())
    assert world.cancel().state is State.CANCELLED
    assert json.loads(world.gateway.bodies[-1][1])["orgAprvDt"] == payment.tran_dt


UNCANCELLABLE: dict[str, tuple[str, dict[str, Any]]] = {
    "no approval number": ("ORD_1", {"aprvNo": None}),
    "an empty approval number": ("ORD_1", {"aprvNo": ""}),
    "an approval number with a space": ("ORD_1", {"aprvNo": "1234 5678"}),
    "a long approval number": ("ORD_1", {"aprvNo": "1" * 11}),
    "an approval number that is a number": ("ORD_1", {"aprvNo": 12345678}),
    "a number too long to refer to": ("N" * 21, {}),
    "a long number, an odd VAN number": ("N" * 21, {"vanTrxNo": "V" * 21}),
}


@pytest.mark.parametrize("case", UNCANCELLABLE)
def test_an_approval_that_no_cancel_can_name_is_net_cancelled_when_asked(case: str) -> None:
    """The voiding side refuses nothing: with the original's frozen data it is void at once."""
    number, says = UNCANCELLABLE[case]
    world = World(Gateway(says=says))
    world.approve(world.order(number))
    told = cancel_outcome_of(world.cancel(number))
    assert isinstance(told, NetCancelled)
    assert world.sent == [APPROVAL_PATH, NET_CANCEL_PATH]
    world.recover_until_closed()
    world.check_books(number=number)
    assert cancel_outcome_of(world.cancel(number, "again")) == replace(
        told, state=State.NET_CANCELLED
    )


@pytest.mark.parametrize("case", UNCANCELLABLE)
def test_an_old_approval_that_no_cancel_can_name_is_a_persons(case: str) -> None:
    """Nobody takes a net-cancel of last month: a person is alarmed, who can net-cancel only."""
    number, says = UNCANCELLABLE[case]
    world = World(Gateway(says=says))
    world.approve(world.order(number))
    world.time += POLICY.retry_window_seconds
    payment = world.cancel(number)
    assert (payment.state, payment.last_event) == (State.ESCALATED, Event.CANCEL_UNDECIDED)
    assert isinstance(cancel_outcome_of(payment), InDoubt)
    assert world.alarms
    assert world.sent == [APPROVAL_PATH]
    with pytest.raises(ConfigurationError, match="allows no cancel"):
        operators.retry(world.journal, payment, by="Kim", as_cancel=True)
    asked = operators.retry(world.journal, payment, by="Kim").result()
    assert asked is not None
    assert asked.state is State.NET_CANCELLING
    world.recover_until_closed()
    world.check_books(number=number)


@pytest.mark.parametrize("act", ["cancel", "reject", "miss"])
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("net_cancel", NET_CANCEL_FATES)
def test_books_balance_wherever_a_canceller_without_a_cancel_dies(
    act: str, net_cancel: str, side: str
) -> None:
    """Nothing to cancel by: void in the end, with no cancel ever sent."""
    for effect in itertools.count(1):
        world = World(Gateway([], [net_cancel], says={"aprvNo": ""}))
        died = die_and_close(world, act, effect, side)
        assert found(world) is State.NET_CANCELLED
        world.check_books()
        assert CANCEL_PATH not in world.sent
        if not died:
            break


def test_a_cancel_asked_for_while_the_approval_is_on_its_way_fences_its_owner() -> None:
    """The owner comes back with a proof and must not report it; the charge is voided."""
    world = World()
    flow = flows.approve(world.order(), world.policy)
    effect = next(flow)
    while type(effect).__name__ != "Exchange":
        effect = flow.send(world.perform(effect))
    answer = world.perform(effect)
    assert world.cancel().state is State.NET_CANCELLING
    told = world.go_on(flow, flow.send(answer))
    assert isinstance(outcome_of(told), InDoubt)
    world.recover_until_closed()
    assert world.gateway.charges == {"ORD_1": "voided"}


@pytest.mark.parametrize("fate", ["lost-before", "declined", "unlisted"])
def test_what_is_void_or_in_doubt_is_told_as_it_is(fate: str) -> None:
    """Nothing is written and nothing sent for a payment that isn't approved."""
    world = World(Gateway([fate], ["lost-before"]))
    world.approve(world.order())
    before, sent = world.find(), len(world.sent)
    outcome = cancel_outcome_of(world.cancel())
    assert isinstance(outcome, CancelRefused if fate == "declined" else InDoubt)
    after = world.find()
    assert before is not None
    assert after is not None
    assert before.version == after.version
    assert len(world.sent) == sent


def test_another_amount_is_cancelled_and_told() -> None:
    """One won too much: cancelled with the approved sum, both on record (spec 2.3)."""
    world = World(Gateway(["amount-differs"]))
    outcome = outcome_of(world.approve(world.order()))
    assert outcome == Cancelled(
        merc_trx_no="ORD_1",
        state=State.CANCELLED,
        reason=CancelReason.AMOUNT_MISMATCH,
        requested=10_000,
        approved=AMOUNT_AND_ONE,
    )
    assert f'"trxAmt":{AMOUNT_AND_ONE}'.encode() in world.gateway.bodies[-1][1]
    assert world.sent == [APPROVAL_PATH, CANCEL_PATH]
    assert world.gateway.charges == {"ORD_1": "refunded"}


def test_an_unconfirmed_payment_is_approved_until_it_is_due() -> None:
    """It is told approved; confirmed, it stands for ever, and confirming again changes nothing."""
    world = World()
    payment = world.approve(replace(world.order(), confirm_within=30.0))
    assert isinstance(outcome_of(payment), Approved)
    assert payment.state is State.UNCONFIRMED
    confirmed = world.confirm()
    assert confirmed.state is State.APPROVED
    assert world.confirm().version == confirmed.version
    world.time += 1000.0
    assert world.recover_once() == []
    assert world.reject().state is State.APPROVED
    world.check_books(payment)


def test_a_late_confirmation_counts_while_nobody_has_claimed_the_payment() -> None:
    """The row decides, not the clock."""
    world = World()
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 1000.0
    assert world.confirm().state is State.APPROVED


def test_a_missed_confirmation_is_cancelled_and_can_no_longer_be_confirmed() -> None:
    """Recovery cancels; the merchant who comes later is told no."""
    world = World()
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 31.0
    (claim,) = world.claim()
    assert world.confirm().state is State.CANCELLING
    payment = world.run(flows.recover(claim, world.time, "worker", world.policy))
    assert payment.state is State.CANCELLED
    assert payment.cancel_reason is CancelReason.CONFIRMATION_MISSED
    assert world.confirm().state is State.CANCELLED
    assert world.gateway.charges == {"ORD_1": "refunded"}


def test_confirming_what_is_unknown_is_an_error() -> None:
    """The journal knows no such payment."""
    world = World()
    with pytest.raises(PaymentNotFound):
        world.run(flows.confirm(frozenset([WORLD]), MERCHANT.tid, "UNKNOWN", "merchant"))


def die_and_close(world: World, act: str, effect: int, side: str) -> bool:
    """Approve, then act, dying at one of its effects; let recovery close everything."""
    world.approve(replace(world.order(), confirm_within=None if act == "cancel" else 30.0))
    world.dies_at = (len(world.effects) + effect, side)
    died = False
    try:
        match act:
            case "cancel":
                world.cancel()
            case "reject":
                world.reject()
            case _:
                world.time += 31.0
                world.recover_once("first")
    except Death:
        died = True
    world.dies_at = None
    if act == "cancel" and died and found(world) is State.APPROVED:
        world.cancel(writer="again")
    for turn in range(200):
        if found(world) in {State.CANCELLED, State.NET_CANCELLED, State.ESCALATED}:
            break
        world.time += 20.0
        world.recover_once(f"worker{turn}")
    return died


@pytest.mark.parametrize("act", ["cancel", "reject", "miss"])
@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize(
    ("cancel", "net_cancel"), [*itertools.product(CANCEL_FATES, NET_CANCEL_FATES)]
)
def test_books_balance_wherever_a_canceller_dies(
    act: str, cancel: str, net_cancel: str, side: str
) -> None:
    """Refunded or voided, once, or a person's with the charge standing; a cancel is sent once."""
    for effect in itertools.count(1):
        world = World(Gateway([], [net_cancel], [cancel]))
        died = die_and_close(world, act, effect, side)
        state, charge = found(world), world.gateway.charges["ORD_1"]
        assert world.sent.count(CANCEL_PATH) <= 1
        if state is State.ESCALATED:
            payment = world.find()
            assert payment is not None
            assert payment.last_event is Event.CANCEL_REFUSED
            assert charge == "live"
        else:
            assert charge in {"refunded", "voided"}
            world.check_books()
        if not died:
            break


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("cancel", CANCEL_FATES)
def test_books_balance_wherever_an_owner_dies_over_another_amount(cancel: str, side: str) -> None:
    """A mismatch is cancelled, or net-cancelled where its cancel is lost, wherever it stops."""
    for effect in itertools.count(1):
        world = World(Gateway(["amount-differs"], [], [cancel]))
        world.dies_at = (effect, side)
        died = False
        try:
            world.approve(world.order())
        except Death:
            died = True
        world.dies_at = None
        for turn in range(200):
            if world.find() is None or found(world).is_final or found(world) is State.ESCALATED:
                break
            world.time += 20.0
            world.recover_once(f"worker{turn}")
        if world.find() is not None and found(world) is not State.ESCALATED:
            world.check_books()
        assert world.sent.count(CANCEL_PATH) <= 1
        if not died:
            break


AUTHENTICATION = replace(POLICY, authentication_codes=frozenset({"7777"}))


def test_a_cancel_whose_signature_is_refused_is_lost() -> None:
    """That code says nothing of the cancel: it is never told as refused, and a person hears."""
    for policy in (AUTHENTICATION, replace(AUTHENTICATION, lost_cancel="ask-a-person")):
        world = World(Gateway(cancels=["refused"]), policy)
        world.approve(world.order())
        payment = world.cancel()
        assert any("signature" in alarm for alarm in world.alarms)
        assert world.sent.count(CANCEL_PATH) == 1
        if policy is AUTHENTICATION:
            assert isinstance(cancel_outcome_of(payment), NetCancelled)
            world.recover_until_closed()
            world.check_books()
        else:
            assert isinstance(cancel_outcome_of(payment), InDoubt)
            assert payment.last_event is Event.CANCEL_UNDECIDED


def test_an_old_secret_is_tried_when_the_gateway_refuses_a_signature() -> None:
    """Keys are changed while payments are in doubt: nothing becomes final by a refusal."""
    policy = AUTHENTICATION
    world = World(Gateway(["lost-after"], ["refused", "done"]), policy)
    world.rotated = True
    assert world.approve(world.order()).state is State.SETTLING
    assert world.sent == [APPROVAL_PATH, NET_CANCEL_PATH, NET_CANCEL_PATH]
    assert any("signature" in alarm for alarm in world.alarms)
    without = World(Gateway(["not-connected"], ["refused"]), policy)
    assert without.approve(without.order()).state is State.NET_CANCELLING


def test_a_rejecter_does_not_wait_for_whoever_is_at_work() -> None:
    """Its caller has an exception to tell, and what it wants is being done."""
    world = World()
    world.approve(replace(world.order(), confirm_within=30.0))
    world.time += 31.0
    world.claim()
    begun = world.time
    assert world.reject().state is State.CANCELLING
    assert world.time == begun


def test_a_reported_charge_is_not_closed_by_a_refusal() -> None:
    """The wire's proof that nothing left doesn't stand against a settlement that shows a charge."""
    world = World(Gateway(["not-connected"], ["done", "refused", "done"]))
    payment = world.approve(world.order())
    assert payment.state is State.NET_CANCELLED
    world.gateway.charges["ORD_1"] = "live"
    reopened = operators.reopen(world.journal, payment, aprv_no="1", trx_amt=10_000, by="Kim")
    assert reopened.result() is not None
    assert [each.state for each in world.recover_once()] == [State.NET_CANCELLING]
    world.recover_until_closed()
    assert world.gateway.charges == {"ORD_1": "voided"}
