"""What tests of the flows share, most of all those of their words."""

from netcancel.core import flows
from netcancel.core.effects import Flow, Write
from netcancel.core.lifecycle import Event
from netcancel.core.payment import KeptAnswer, Payment
from tests.core.world import World


def charge(world: World, order: flows.Order) -> flows.Charged:
    """Run the first half of an approval."""
    halves: list[flows.Charged] = []

    def first() -> Flow[Payment]:
        halves.append((yield from flows.charge(order, world.policy)))
        return halves[0].payment

    world.run(first())
    return halves[0]


def found(world: World, number: str = "ORD_1") -> Payment:
    """Return a payment, which is there."""
    payment = world.find(number)
    assert payment is not None
    return payment


def note_of(world: World, event: Event) -> str:
    """Return what the history says of the one event of its kind."""
    (entry,) = [entry for entry in found(world).history if entry.event is event]
    return entry.note


def kept_answers(world: World) -> list[KeptAnswer | None]:
    """Return what each write of the world keeps of an answer."""
    return [effect.change.kept_answer for effect in world.effects if isinstance(effect, Write)]
