"""Which answer to a net-cancel closes a payment, and when a person must."""

from dataclasses import replace
from typing import Any

from netcancel.core import flows
from netcancel.core.effects import Sign
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change
from netcancel.kicc import APPROVAL_PATH, NET_CANCEL_PATH
from tests.core.telling import found
from tests.core.world import POLICY, Gateway, World

FORGETFUL_POLICY = replace(POLICY, nothing_to_void_codes=frozenset({"7777"}))


def test_an_early_acknowledgement_is_verified_after_the_settle_time() -> None:
    """The first acknowledgement doesn't close; the one claimed after `settle_at` does."""
    world = World(Gateway(["delayed"]))
    assert world.approve(world.order()).state is State.SETTLING
    assert world.gateway.charges == {"ORD_1": "live"}
    world.time += POLICY.settle_seconds - 10.0
    assert world.recover_once() == []
    world.time += 20.0
    assert [p.state for p in world.recover_once()] == [State.NET_CANCELLED]
    assert world.gateway.charges == {"ORD_1": "voided"}
    assert found(world).attempts == world.sent.count(NET_CANCEL_PATH) == 2


def test_late_is_judged_by_the_claim_not_by_the_answer() -> None:
    """A net-cancel that was claimed before `settle_at` and answered after it closes nothing."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    assert world.approve(world.order()).state is State.NET_CANCELLING
    row = found(world)
    world.time = row.settle_at / 1e6 - 0.1
    claim = world.claim("worker")[0]

    class SlowGateway(Gateway):
        def answer(self, path: str, body: bytes) -> Any:
            world.time += 1.0
            return super().answer(path, body)

    world.gateway = SlowGateway()
    payment = world.run(flows.recover(claim, world.time, "worker", POLICY))
    assert world.time * 1e6 > row.settle_at
    assert payment.state is State.SETTLING


def test_without_settle_time_the_first_acknowledgement_closes() -> None:
    """settle_seconds = 0: closed at once."""
    world = World(Gateway(["lost-after"]), replace(POLICY, settle_seconds=0.0))
    assert world.approve(world.order()).state is State.NET_CANCELLED


def test_a_clock_that_is_set_forward_makes_no_owner_late() -> None:
    """The owner's own net-cancel never closes: its settle time can't have passed (spec 3.5)."""
    world = World()

    class Forward(Gateway):
        def answer(self, path: str, body: bytes) -> Any:
            world.step += 120.0 if path == APPROVAL_PATH else 0.0
            return super().answer(path, body)

    world.gateway = Forward(["delayed"])
    told = world.approve(world.order())
    assert told.state is State.SETTLING
    assert world.gateway.charges == {"ORD_1": "live"}
    world.recover_until_closed()
    world.check_books(told)


def test_a_clock_that_is_set_back_has_the_verification_repeated() -> None:
    """A verification that is claimed before `settle_at` again only waits for it again."""
    world = World(Gateway(["lost-after"], ["done", "lost-before"]))
    world.approve(world.order())
    world.time = found(world).settle_at / 1e6 + 1.0
    claim = world.claim("worker")[0]
    world.step -= 30.0
    world.run(flows.recover(claim, world.time, "worker", POLICY))
    world.time += 10.0
    assert [p.state for p in world.recover_once()] == [State.SETTLING]
    row = found(world)
    assert row.due_at is not None
    assert row.due_at >= row.settle_at
    world.recover_until_closed()
    world.check_books()


def test_what_never_left_is_closed_by_any_intelligible_answer() -> None:
    """No byte left: a refusal closes it as well as an acknowledgement does, without settling."""
    for fate in ("done", "refused"):
        world = World(Gateway(["not-connected"], [fate]))
        assert world.approve(world.order()).state is State.NET_CANCELLED


def test_nothing_to_void_closes_only_where_it_is_configured() -> None:
    """Without configuration a refusal is a refusal, with its code kept and a retry due."""
    world = World(Gateway(["lost-before"], ["refused"]))
    payment = world.approve(world.order())
    assert payment.state is State.NET_CANCELLING
    assert payment.code == "7777"
    configured = World(Gateway(["lost-before"], ["refused"]), FORGETFUL_POLICY)
    assert configured.approve(configured.order()).state is State.SETTLING


def test_nothing_to_void_is_never_done_where_the_approval_is_proven() -> None:
    """A proven charge that the gateway doesn't know is a contradiction: a person's."""
    world = World(Gateway(["amount-differs-uncancellable"], ["refused"]), FORGETFUL_POLICY)
    payment = world.approve(world.order())
    assert payment.state is State.ESCALATED
    assert world.alarms


def test_each_attempt_is_signed_anew_over_the_same_bytes() -> None:
    """Repeats send the frozen body; each is signed for itself (I3)."""
    world = World(Gateway(["lost-after"], ["lost-before", "refused"]))
    world.approve(world.order())
    world.recover_until_closed()
    signed = [e.body for e in world.effects if isinstance(e, Sign) and e.path == NET_CANCEL_PATH]
    assert len(signed) == len(world.sent) - 1 >= 3
    assert len(set(signed)) == 1


def test_a_payment_whose_token_can_not_be_opened_is_a_persons() -> None:
    """Poison is escalated alone, with an alarm, and nothing is sent for it."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    claim = world.claim("worker")[0]
    before = len(world.sent)
    poisoned = replace(claim, net_cancel_body=None)
    payment = world.run(flows.recover(poisoned, world.time, "worker", POLICY))
    assert payment.state is State.ESCALATED
    assert len(world.sent) == before
    assert world.alarms


def test_a_window_that_closes_escalates_and_a_retry_reopens() -> None:
    """Refused until the window is over: a person's; asked again, it is tried again."""
    world = World(Gateway(["lost-after"], ["refused"] * 500))
    world.approve(world.order())
    for _ in range(500):
        world.time += 30.0
        world.recover_once()
        if found(world).state is State.ESCALATED:
            break
    row = found(world)
    assert row.state is State.ESCALATED
    assert row.in_doubt_seconds < POLICY.retry_window_seconds
    world.gateway = Gateway()
    world.gateway.charges["ORD_1"] = "live"
    world.journal.move_if_unchanged(
        row, Event.RETRY_ASKED, "person", Change(due_seconds=0.0, begins_debt=True)
    ).result()
    assert [p.state for p in world.recover_once()] == [State.NET_CANCELLED]


def test_a_person_is_alarmed_once_after_three_minutes_in_doubt() -> None:
    """The alarm comes early and once."""
    world = World(Gateway(["lost-after"], ["refused"] * 100))
    world.approve(world.order())
    for _ in range(20):
        world.time += 30.0
        world.recover_once()
    assert len(world.alarms) == 1
