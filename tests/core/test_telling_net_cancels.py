"""What a flow writes of each answer to a net-cancel, and tells of it."""

from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import SignAgain, Write
from netcancel.core.lifecycle import Event, State
from netcancel.core.policy import Policy
from netcancel.kicc import NET_CANCEL_PATH, RawAnswer
from tests.core.telling import found, note_of
from tests.core.world import POLICY, Gateway, Paused, World

FORGETFUL = replace(POLICY, nothing_to_void_codes=frozenset({"7777"}))

KNOWING = replace(POLICY, already_voided_codes=frozenset({"7777"}))

NEVER_SETTLING = replace(POLICY, settle_seconds=0.0)

UNKNOWN_CHARGE = "the gateway knows of nothing to void, but the approval is proven"

NEVER_LEFT = "answered; the approval had never left this host"

NET_CANCELLED: dict[str, tuple[Policy, str, str, Event, str]] = {
    "acknowledged": (POLICY, "lost-after", "done", Event.ACKNOWLEDGED_EARLY, "voided"),
    "already voided": (
        KNOWING,
        "lost-after",
        "refused",
        Event.ACKNOWLEDGED_EARLY,
        "already-voided",
    ),
    "nothing to void": (
        FORGETFUL,
        "lost-after",
        "refused",
        Event.ACKNOWLEDGED_EARLY,
        "nothing-to-void",
    ),
    "late": (
        NEVER_SETTLING,
        "lost-after",
        "done",
        Event.ACKNOWLEDGED_LATE,
        "voided, nothing can follow",
    ),
    "never left": (POLICY, "not-connected", "done", Event.ANSWERED_NEVER_SENT, NEVER_LEFT),
    "never left, refused": (
        POLICY,
        "not-connected",
        "refused",
        Event.ANSWERED_NEVER_SENT,
        NEVER_LEFT,
    ),
    "denied": (
        FORGETFUL,
        "amount-differs-uncancellable",
        "refused",
        Event.CHARGE_DENIED,
        UNKNOWN_CHARGE,
    ),
    "refused": (POLICY, "lost-after", "refused", Event.NOT_ACKNOWLEDGED, "7777 said 7777"),
    "lost": (
        POLICY,
        "unlisted",
        "lost-after",
        Event.NOT_ACKNOWLEDGED,
        "read-timeout: no answer",
    ),
}
"""Policy, fate of the approval, fate of its net-cancel; then what is written of that."""


@pytest.mark.parametrize("case", NET_CANCELLED)
def test_of_each_answer_to_a_net_cancel_is_written_what_it_proves(case: str) -> None:
    """With its code and message, where it was one."""
    policy, approval, net_cancel, event, note = NET_CANCELLED[case]
    world = World(Gateway([approval], [net_cancel]), policy)
    payment = world.approve(world.order())
    assert note_of(world, event) == note
    code = {"done": "0000", "refused": "7777", "lost-after": "9999"}[net_cancel]
    assert payment.code == code
    assert payment.message == (None if net_cancel == "lost-after" else f"said {code}")
    denied = event is Event.CHARGE_DENIED
    assert (payment.alarmed, world.alarms) == (denied, [UNKNOWN_CHARGE] if denied else [])
    assert not payment.is_held
    if event is Event.ACKNOWLEDGED_EARLY:
        assert payment.due_at is not None
        assert 0 <= payment.due_at - payment.settle_at < 100_000
    if event is Event.NOT_ACKNOWLEDGED:
        assert payment.due_at == payment.read_at + 500_000  # half of a second: the draw is 0.5


@pytest.mark.parametrize("body", [None, b"no net-cancel"])
def test_a_payment_whose_data_can_not_be_read_says_so(body: bytes | None) -> None:
    """A person hears of it in the same words."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    (claim,) = world.claim()
    poisoned = replace(claim, net_cancel_body=body)
    payment = world.run(flows.recover(poisoned, world.time, "worker", POLICY))
    says = "its frozen data can't be opened or read"
    assert (payment.state, payment.alarmed) == (State.ESCALATED, True)
    assert note_of(world, Event.POISONED) == says
    assert world.alarms == [says]


class Unauthorized(Gateway):
    """Refuses the signatures of its first net-cancels by HTTP."""

    def __init__(self, status: int, refusals: int) -> None:
        super().__init__(["lost-after"])
        self.status = status
        self.refusals = refusals

    def answer(self, path: str, body: bytes) -> Any:
        """Work what it does not refuse."""
        if path != NET_CANCEL_PATH or not self.refusals:
            return super().answer(path, body)
        self.refusals -= 1
        self.bodies.append((path, body))
        return RawAnswer(self.status, (), b"")


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("rotated", [True, False])
def test_a_refused_signature_alarms_a_person_once(status: int, *, rotated: bool) -> None:
    """And says whether there was another secret to try."""
    world = World(Unauthorized(status, 1 if rotated else 2))
    world.rotated = rotated
    payment = world.approve(world.order())
    more = "; the previous secret is tried" if rotated else ""
    assert world.alarms == [f"the gateway refused the signature{more}"]
    assert payment.state is (State.SETTLING if rotated else State.NET_CANCELLING)
    assert len(world.gateway.bodies) == (3 if rotated else 2)


def test_a_person_who_knows_of_a_payment_is_not_alarmed_by_its_signature() -> None:
    """The row says who has been alarmed."""
    world = World(Unauthorized(401, 2))
    world.approve(world.order())
    world.alarms.clear()
    world.time += 100.0
    (claim,) = world.claim()
    known = replace(claim, payment=replace(claim.payment, alarmed=True))
    world.run(flows.recover(known, world.time, "worker", POLICY))
    assert world.alarms == []


def test_another_status_is_no_refused_signature() -> None:
    """Nothing is signed again for it."""
    world = World(Unauthorized(500, 1))
    world.rotated = True
    assert world.approve(world.order()).state is State.NET_CANCELLING
    assert world.alarms == []
    assert note_of(world, Event.NOT_ACKNOWLEDGED) == "parsing-error: HTTP status 500 instead of 200"


def test_a_second_signature_that_has_aged_is_not_sent() -> None:
    """Whoever was paused before it leaves the first answer as it is."""
    world = Paused(lambda effect: isinstance(effect, SignAgain), Unauthorized(401, 1))
    world.rotated = True
    assert world.approve(world.order()).state is State.NET_CANCELLING
    assert len(world.gateway.bodies) == 2


def test_a_verification_that_is_refused_alarms_a_person_once() -> None:
    """What was told void may be charged after all; a lost answer says nothing of it."""
    world = World(Gateway(["lost-after"], ["done", "lost-before", "refused", "refused"]))
    world.approve(world.order())
    world.time += POLICY.settle_seconds + 10.0
    for alarms in ([], ["refused with 7777"], ["refused with 7777"]):
        assert [each.state for each in world.recover_once()] == [State.SETTLING]
        assert world.alarms == alarms
        world.time += 20.0


def test_a_window_that_closes_alarms_a_person() -> None:
    """Even one who has heard of it before."""
    world = World(Gateway(["lost-after"], ["refused"] * 2))
    world.approve(world.order())
    world.time += POLICY.retry_window_seconds - 5.0
    (payment,) = world.recover_once()
    assert (payment.last_event, payment.alarmed) == (Event.WINDOW_CLOSED, True)
    assert world.alarms == ["refused with 7777"]


def test_a_fenced_workers_result_is_noted_with_its_name() -> None:
    """The row stays as whoever took over has left it."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    (claim,) = world.claim("slow")
    flow = flows.recover(claim, world.time, "slow", POLICY)
    effect = world.go_to(flow, Write)
    world.time += 100.0
    (quick,) = world.recover_once("quick")
    world.go_on(flow, effect)
    last = found(world).history[-1]
    assert (last.event, last.target) == (Event.ACKNOWLEDGED_LATE, quick.state)
    assert last.note == "voided, nothing can follow (noted by slow)"
