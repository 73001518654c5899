"""A caller's own net-cancel: every state that it can meet, every fate, death at every effect."""

import itertools
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from netcancel.core import flows
from netcancel.core.effects import Flow
from netcancel.core.lifecycle import State
from netcancel.core.payment import Payment
from netcancel.errors import DuplicateTransaction, InvalidRequest, PaymentNotFound
from netcancel.freezing import freeze_void
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH, RawAnswer
from tests.core.test_races import Runner, close, orders
from tests.core.world import (
    APPROVAL_FATES,
    CANCEL_FATES,
    NET_CANCEL_FATES,
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


def paths(world: World) -> list[str]:
    """Return the paths of all requests, in order."""
    return [path for path, _ in world.gateway.bodies]


def test_an_unknown_number_is_owed_a_net_cancel_and_never_charged_afterwards() -> None:
    """The approval was lost before it came here: voided like any other, and the number is used."""
    world = World()
    assert void(world).state is State.SETTLING
    assert paths(world) == [NET_CANCEL_PATH]
    with pytest.raises(DuplicateTransaction):
        world.approve(world.order(writer="late"))
    world.recover_until_closed()
    assert paths(world) == [NET_CANCEL_PATH, NET_CANCEL_PATH]
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
    assert paths(world).count(CANCEL_PATH) <= 1


def test_a_declined_payment_stays_what_it_is() -> None:
    """Proven refused: there is nothing to void, and nothing is sent."""
    world = World(Gateway(["declined"]))
    world.approve(world.order())
    assert void(world).state is State.DECLINED
    assert paths(world) == [APPROVAL_PATH]


def test_a_second_one_hears_what_the_first_did() -> None:
    """Asked again, nothing new is sent."""
    world = World()
    first = void(world)
    again = void(world, "shop again")
    assert (again.state, again.version) == (first.state, first.version)
    assert paths(world) == [NET_CANCEL_PATH]


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
    assert paths(world) == [APPROVAL_PATH]
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
    assert paths(world)[:2] == [APPROVAL_PATH, NET_CANCEL_PATH]
    assert CANCEL_PATH not in paths(world)
    assert world.gateway.charges == {"ORD_1": "voided"}


def test_another_worlds_payment_is_not_found() -> None:
    """A shop of another channel can't void it."""
    world = World()
    world.approve(world.order())
    asked = wish(world, world_name="https://gateway.test:443 CH_2 default")
    with pytest.raises(PaymentNotFound):
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
        assert paths(world).count(CANCEL_PATH) <= 1


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
        assert paths(world).count(APPROVAL_PATH) <= 1
    assert met > 1


def test_a_charge_told_in_halves_is_voided_by_the_second_half() -> None:
    """Its caller is told of the loss when that is durable, and then the net-cancel is sent."""
    world = World(Gateway(["lost-after"]))
    charged = charge(world)
    assert charged.payment.state is State.NET_CANCELLING
    assert paths(world) == [APPROVAL_PATH]
    assert charged.rest is not None
    assert world.run(charged.rest).state is State.SETTLING
    assert paths(world) == [APPROVAL_PATH, NET_CANCEL_PATH]


def test_a_second_half_that_nobody_drives_is_recoverys() -> None:
    """Told and then dead: the debt is due when the owner's lease ends."""
    world = World(Gateway(["lost-after"]))
    assert charge(world).payment.state is State.NET_CANCELLING
    world.recover_until_closed()
    world.check_books()
