"""Every fate of every message, and the machine's death before and after every effect."""

import itertools
from typing import TYPE_CHECKING

import pytest

from netcancel.core import flows
from tests.core.world import APPROVAL_FATES, NET_CANCEL_FATES, Death, Gateway, World

if TYPE_CHECKING:
    from netcancel.core.payment import Payment


def die_and_recover(world: World, effect: int, side: str) -> bool:
    """Approve, dying at one effect; let recovery close everything; say whether it did die."""
    world.dies_at = (effect, side)
    told: Payment | None = None
    died = False
    try:
        told = world.approve(world.order())
    except Death:
        died = True
    world.recover_until_closed()
    world.check_books(told)
    return died


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize(
    ("approval", "net_cancels"),
    [*itertools.product(APPROVAL_FATES, itertools.product(NET_CANCEL_FATES, repeat=2))],
)
def test_books_balance_wherever_the_owner_dies(
    approval: str, net_cancels: tuple[str, str], side: str
) -> None:
    """Whatever is lost, wherever the owner dies: the payment closes, no charge is orphaned."""
    for effect in itertools.count(1):
        world = World(Gateway([approval], net_cancels))
        if not die_and_recover(world, effect, side):
            break


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("approval", APPROVAL_FATES)
def test_books_balance_wherever_a_worker_dies(approval: str, side: str) -> None:
    """A worker may die at any effect of its first recovery: another one takes over."""
    for effect in itertools.count(1):
        world = World(Gateway([approval], ["lost-before"]))
        told = world.approve(world.order())
        world.time += 100.0
        world.dies_at = (len(world.effects) + effect, side)
        died = False
        try:
            world.recover_once()
        except Death:
            died = True
        world.recover_until_closed()
        world.check_books(told)
        if not died:
            break


@pytest.mark.parametrize("approval", APPROVAL_FATES)
def test_an_interrupted_owner_hands_its_payment_over(approval: str) -> None:
    """An exception thrown into the flow at any effect leaves a payment that is final or due now."""

    class Interruption(BaseException):
        pass

    for position in itertools.count(1):
        world = World(Gateway([approval]))
        flow = flows.approve(world.order(), world.policy)
        effect = next(flow)
        ended = False
        for _ in range(position):
            answer = world.perform(effect)
            try:
                effect = flow.send(answer)
            except StopIteration:
                ended = True
                break
        if ended:
            break
        handing_over = flow.throw(Interruption())
        world.perform(handing_over)
        with pytest.raises(Interruption):
            flow.send(None)
        row = world.find()
        if row is not None and not row.state.is_final and row.state != "settling":
            assert row.due_at is not None
            assert row.due_at <= row.read_at
        world.recover_until_closed()
        world.check_books()
