"""A caller's own net-cancel: every state that it can meet, every fate, death at every effect."""

import itertools
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import (
    Effect,
    Exchange,
    Flow,
    HandOver,
    Open,
    OpenBody,
    Unavailable,
    Write,
)
from netcancel.core.flows.voiding import AGREED
from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS, Payment, Used
from netcancel.errors import (
    DuplicateTransaction,
    InvalidRequest,
    JournalUnavailable,
    PaymentNotFound,
)
from netcancel.freezing import freeze_void
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH, RawAnswer
from tests.core.test_races import Runner, close, orders
from tests.core.world import (
    APPROVAL_FATES,
    CANCEL_FATES,
    NET_CANCEL_FATES,
    POLICY,
    START,
    WORLD,
    Death,
    Gateway,
    World,
)


def wish(
    world: World, writer: str = "shop", number: str = "ORD_1", *, world_name: str = WORLD
) -> flows.VoidWish:
    """Ask for a number to be void, with the data of the world's order."""
    body = World().order(number).intent.net_cancel_body  # of the time at which all worlds begin
    intent = freeze_void(body, world=world_name, writer=writer, at=START, policy=world.policy)
    return flows.VoidWish(intent, frozenset([world_name]))


def void(world: World, writer: str = "shop") -> Payment:
    """Run the void flow; dies where `dies_at` says so."""
    return world.run(flows.void(wish(world, writer), world.policy))


def charge(world: World) -> flows.Charged:
    """Run the first half of an approval."""
    halves: list[flows.Charged] = []

    def first() -> Flow[Payment]:
        halves.append((yield from flows.charge(world.order(), world.policy)))
        return halves[0].payment

    world.run(first())
    return halves[0]


def test_an_unknown_number_is_owed_a_net_cancel_and_never_charged_afterwards() -> None:
    """The approval was lost before it came here: voided like any other, and the number is used."""
    world = World()
    assert void(world).state is State.SETTLING
    assert world.sent == [NET_CANCEL_PATH]
    with pytest.raises(DuplicateTransaction):
        world.approve(world.order(writer="late"))
    world.recover_until_closed()
    assert world.sent == [NET_CANCEL_PATH, NET_CANCEL_PATH]
    world.check_books()


@pytest.mark.parametrize("fate", APPROVAL_FATES)
@pytest.mark.parametrize("confirm_within", [None, 30.0])
def test_what_became_of_the_approval_is_made_void(fate: str, confirm_within: float | None) -> None:
    """Nobody is charged whose shop asked for a net-cancel, whatever it had lost."""
    world = World(Gateway([fate]))
    world.approve(replace(world.order(), confirm_within=confirm_within))
    void(world)
    world.recover_until_closed()
    world.check_books()
    assert world.gateway.charges.get("ORD_1") != "live"
    assert world.sent.count(CANCEL_PATH) <= 1


def test_a_declined_payment_stays_what_it_is() -> None:
    """Proven refused: there is nothing to void, and nothing is sent."""
    world = World(Gateway(["declined"]))
    world.approve(world.order())
    assert void(world).state is State.DECLINED
    assert world.sent == [APPROVAL_PATH]


def test_a_second_one_hears_what_the_first_did() -> None:
    """Asked again, nothing new is sent."""
    world = World()
    first = void(world)
    again = void(world, "shop again")
    assert (again.state, again.version) == (first.state, first.version)
    assert world.sent == [NET_CANCEL_PATH]


@pytest.mark.parametrize("name", ["trx_amt", "vat_amt", "svc_amt"])
def test_other_data_than_the_approvals_is_refused(name: str) -> None:
    """A net-cancel repeats its approval's data: another one is not obeyed (spec 2.2)."""
    world = World()
    world.approve(world.order())
    asked = wish(world)
    value = getattr(asked.intent, name)
    other = value + 1 if isinstance(value, int) else value[:-1] + "9"
    changed: dict[str, Any] = {name: other}
    asked = replace(asked, intent=replace(asked.intent, **changed))
    with pytest.raises(InvalidRequest, match=name):
        world.run(flows.void(asked, world.policy))
    assert world.sent == [APPROVAL_PATH]
    assert world.gateway.charges == {"ORD_1": "live"}


@pytest.mark.parametrize("name", ["tran_dt", "tran_tm"])
def test_another_time_is_the_approvals_all_the_same(name: str) -> None:
    """A repeated approval may have had it: its shop can't know which of them was sent."""
    world = World()
    world.approve(world.order())
    asked = wish(world)
    value = getattr(asked.intent, name)
    changed: dict[str, Any] = {name: value[:-1] + str((int(value[-1]) + 1) % 8)}
    asked = replace(asked, intent=replace(asked.intent, **changed))
    assert world.run(flows.void(asked, world.policy)).state is State.CANCELLED
    assert world.gateway.charges == {"ORD_1": "refunded"}


class Nameless(Gateway):
    """Names no approval number, or calls it as nobody knows."""

    @staticmethod
    def _say(message: dict[str, Any], code: str, **more: Any) -> RawAnswer:
        more.pop("aprvNo", None)
        return Gateway._say(message, code, **more)


def test_a_charge_that_no_cancel_can_name_is_net_cancelled() -> None:
    """Its shop asks for a net-cancel, and that needs no approval number (spec 2.6)."""
    world = World(Nameless())
    assert world.approve(world.order()).state is State.APPROVED
    assert void(world).state is State.SETTLING
    world.recover_until_closed()
    assert world.sent[:2] == [APPROVAL_PATH, NET_CANCEL_PATH]
    assert CANCEL_PATH not in world.sent
    assert world.gateway.charges == {"ORD_1": "voided"}


def test_another_worlds_payment_is_not_found() -> None:
    """A shop of another channel can't void it."""
    world = World()
    world.approve(world.order())
    asked = wish(world, world_name="https://gateway.test:443 CH_2 default")
    with pytest.raises(PaymentNotFound, match="knows no such payment of this gateway"):
        world.run(flows.void(asked, world.policy))
    assert world.gateway.charges == {"ORD_1": "live"}


@pytest.mark.parametrize("net_cancel", NET_CANCEL_FATES)
@pytest.mark.parametrize("fate", ["nobody", "lost-after", "approved"])
def test_death_at_any_effect_leaves_nothing_charged(fate: str, net_cancel: str) -> None:
    """A void that was written is carried on; one that wasn't is asked for again by its shop."""
    for effect, side in itertools.product(range(1, 30), ("before", "after")):
        world = World(Gateway([fate], [net_cancel]))
        if fate != "nobody":
            world.approve(world.order())
        world.dies_at = (len(world.effects) + effect, side)
        with suppress(Death):
            void(world)
        world.dies_at = None
        if net_cancel == "refused" or fate == "approved":
            close(world)
        else:
            world.recover_until_closed()
        void(world, "shop again")
        close(world)
        assert world.gateway.charges.get("ORD_1") != "live"
        assert world.sent.count(CANCEL_PATH) <= 1


@pytest.mark.parametrize("fate", ["approved", "lost-after", "lost-before", "declined"])
@pytest.mark.parametrize("cancel", CANCEL_FATES)
def test_it_meets_the_approval_under_way(fate: str, cancel: str) -> None:
    """In every order of their steps nobody is charged in the end, and the owner never says so."""

    def make() -> tuple[World, list[Runner]]:
        world = World(Gateway([fate], [], [cancel]))
        owner = Runner(world, flows.approve(world.order(), world.policy))
        return world, [owner, Runner(world, flows.void(wish(world), world.policy))]

    met = 0
    for world, runners in orders(make):
        met += 1
        owner, shop = runners
        assert isinstance(owner.told, Payment | DuplicateTransaction)
        assert isinstance(shop.told, Payment)
        close(world)
        payment = world.find()
        assert payment is not None
        charge = world.gateway.charges.get("ORD_1")
        assert (payment.state is State.ESCALATED) == (charge == "live")
        assert world.sent.count(APPROVAL_PATH) <= 1
    assert met > 1


def test_a_charge_told_in_halves_is_voided_by_the_second_half() -> None:
    """Its caller is told of the loss when that is durable, and then the net-cancel is sent."""
    world = World(Gateway(["lost-after"]))
    charged = charge(world)
    assert charged.payment.state is State.NET_CANCELLING
    assert world.sent == [APPROVAL_PATH]
    assert charged.rest is not None
    assert world.run(charged.rest).state is State.SETTLING
    assert world.sent == [APPROVAL_PATH, NET_CANCEL_PATH]


def test_a_second_half_that_nobody_drives_is_recoverys() -> None:
    """Told and then dead: the debt is due when the owner's lease ends."""
    world = World(Gateway(["lost-after"]))
    assert charge(world).payment.state is State.NET_CANCELLING
    world.recover_until_closed()
    world.check_books()


CLOSED = "the payment of this number is closed, and archived"
UNWRITTEN = "the net-cancel could not be written; ask again"


def opening(answer: Any) -> World:
    """Make a world whose journal gives this answer to an intent."""

    class Answering(World):
        def perform(self, effect: Effect[Any]) -> Any:
            return answer if isinstance(effect, Open) else super().perform(effect)

    return Answering()


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (Used("declined", 1, 2), PaymentNotFound, CLOSED),
        (Unavailable("locked"), JournalUnavailable, UNWRITTEN),
    ],
)
def test_a_net_cancel_that_can_not_be_owed_says_why(
    answer: Any, error: type[Exception], says: str
) -> None:
    """And nothing is sent."""
    world = opening(answer)
    with pytest.raises(error, match=f"^{says}$"):
        void(world)
    assert world.sent == []


@pytest.mark.parametrize("name", AGREED)
def test_each_agreed_field_is_compared(name: str) -> None:
    """Whoever asks hears which one differs, and why that matters."""
    world = World()
    world.approve(world.order())
    asked = wish(world)
    changed: dict[str, Any] = {name: "other"}
    asked = replace(asked, intent=replace(asked.intent, **changed))
    says = f"^{name}: must be the approval's: a net-cancel repeats its data$"
    with pytest.raises(InvalidRequest, match=says):
        world.run(flows.void(asked, world.policy))


def test_a_void_is_a_debt_with_its_first_attempt() -> None:
    """The history says whose wish it was."""
    world = World(Gateway(net_cancels=["lost-before"]))
    begun = world.time
    row = void(world)
    assert (row.state, row.attempts, row.is_held) == (State.NET_CANCELLING, 1, False)
    assert row.owed_since == round(begun * MICROSECONDS)
    assert row.detail == "its caller lost the answer and asked for a net-cancel"


def test_without_settle_time_a_void_closes_at_once() -> None:
    """As an approval's own net-cancel does."""
    world = World(policy=replace(POLICY, settle_seconds=0.0))
    assert void(world).state is State.NET_CANCELLED


def test_a_void_that_can_not_be_written_says_so() -> None:
    """Its owner may still be told of the charge: nothing is sent."""

    class Silent(World):
        def perform(self, effect: Effect[Any]) -> Any:
            return Unavailable("locked") if isinstance(effect, Write) else super().perform(effect)

    world = Silent()
    with pytest.raises(JournalUnavailable, match=f"^{UNWRITTEN}$"):
        void(world)
    assert world.sent == []


def test_a_void_whose_data_can_not_be_opened_now_is_due_at_once() -> None:
    """Recovery has it; its caller is told that it is in doubt."""

    class NotOpening(World):
        def perform(self, effect: Effect[Any]) -> Any:
            answer = super().perform(effect)
            return Unavailable("busy") if isinstance(effect, OpenBody) else answer

    world = NotOpening()
    assert void(world).state is State.NET_CANCELLING
    row = world.find()
    assert row is not None
    assert (row.is_held, row.due_at) == (False, row.updated_at)
    assert world.sent == []


def test_a_void_that_is_slowly_written_is_sent() -> None:
    """From its writing on it has a whole lease."""

    class Slow(World):
        def perform(self, effect: Effect[Any]) -> Any:
            self.time += 4.5 if isinstance(effect, Open | Write) else 0.0
            return super().perform(effect)

    world = Slow()
    assert void(world).state is State.SETTLING


def test_whoever_voids_waits_while_somebody_else_is_at_work() -> None:
    """As long as the other may need, and no longer."""
    world = World(Gateway(["lost-after"], ["lost-before"]))
    world.approve(world.order())
    world.time += 100.0
    world.claim()
    begun = world.time
    assert void(world).state is State.NET_CANCELLING
    assert world.time - begun == pytest.approx(POLICY.shortest_lease_seconds, abs=0.3)


@pytest.mark.parametrize("fate", ["nobody", "approved"])
def test_what_a_void_holds_is_handed_over_when_it_is_interrupted(fate: str) -> None:
    """Whatever it was doing; the interruption goes on."""

    class Interruption(BaseException):
        pass

    world = World()
    if fate == "approved":
        world.approve(world.order())
    flow = flows.void(wish(world), world.policy)
    world.go_to(flow, Exchange)
    with pytest.raises(Interruption):
        world.go_on(flow, flow.throw(Interruption()))
    row = world.find()
    assert row is not None
    assert not row.is_held
    assert row.due_at == row.read_at


def test_a_void_that_is_interrupted_while_it_is_written_is_handed_over() -> None:
    """It may be there, and then it is ours."""
    world = World()
    asked = wish(world)
    flow = flows.void(asked, world.policy)
    world.perform(world.go_to(flow, Open))
    assert flow.throw(KeyboardInterrupt()) == HandOver(asked.intent.id, asked.intent.writer)
    with pytest.raises(KeyboardInterrupt):
        flow.send(None)
