"""The gateway of a world, and what is on the wire to it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from netcancel.core.effects import Exchange
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH
from proof.exploration.backups import has_lived_on
from proof.exploration.books import NOBODY
from proof.exploration.promises import check_sent
from proof.exploration.scene import OUT, put, same, spend
from proof.exploration.search import Broken

if TYPE_CHECKING:
    from netcancel.core.effects import Signed
    from netcancel.core.payment import Payment
    from proof.exploration.automaton import Automaton, Node
    from proof.exploration.books import Books
    from proof.exploration.scene import Scene, Steps
    from proof.exploration.worlds import Answer, World


class Gateway:
    """Takes requests, works them once or twice, and answers whoever waits."""

    def __init__(self, world: World, books: Books, flows: Automaton, net_cancel: bytes) -> None:
        self._world = world
        self._books = books
        self._flows = flows
        self._net_cancel = net_cancel

    def take(self, s: Scene, place: int, signed: Signed) -> Scene:
        """Put an actor's request on the wire; raises `Broken` where it must not be sent."""
        check_sent(signed, self._row(s), self._net_cancel, has_lived_on=has_lived_on(s, place))
        s = s._replace(mail=put(s.mail, place, OUT))
        if signed.path != APPROVAL_PATH:
            return s
        if s.was_sent:
            raise Broken("I7: the approval is sent a second time")
        # What was signed after a pause is fresh whenever it is sent.
        arrives = s.phase == 0 or self._world.memory == "tombstone" or signed.at > 0
        return s._replace(approvals=s.approvals + arrives, was_sent=True)

    def steps(self, s: Scene) -> Steps:
        """Name what the gateway may do next."""
        if s.approvals:
            yield from self._work_approval(s)
        for place in range(len(s.actors)):
            asks = self._waits_for(s, place)
            if asks is not None and asks.path != APPROVAL_PATH:
                yield from self._work_void(s, place, is_cancel=asks.path == CANCEL_PATH)
        yield from self._work_strays(s)

    def without_dead(self, s: Scene) -> Scene:
        """Drop from the wire what can change nothing any more, so that like states are one.

        Each loss is a step of its own too: nothing is reached so that isn't reached otherwise.
        """
        if not s.was_sent:
            return s
        may_charge = s.charge == "none" and not s.is_barred
        if s.approvals and not may_charge and self._owner(s) is None:
            s = s._replace(approvals=0)
        if not s.approvals and s.budgets.copies:
            s = s._replace(budgets=s.budgets._replace(copies=0))
        if s.charge == "live" or (s.charge == "none" and s.approvals):
            return s
        return s._replace(strays=(0, 0), is_barred=False)

    def _row(self, s: Scene) -> Payment | None:
        return None if s.row == NOBODY else self._books.rows[s.row]

    def _waits_for(self, s: Scene, place: int) -> Signed | None:
        """Return the request of an actor that is on the wire."""
        if s.mail[place] != OUT:
            return None
        asks = self._flows.nodes[s.actors[place]].asks
        return asks.signed if isinstance(asks, Exchange) else None

    def _work_approval(self, s: Scene) -> Steps:
        rest = [(s._replace(approvals=s.approvals - 1), "an approval")]
        if s.budgets.copies:
            rest.append((spend(s, "copies"), "a copy of the approval"))
        yield "an approval is lost", partial(same, rest[0][0])
        for less, what in rest:
            if s.charge == "none" and not s.is_barred:
                for word in self._may_answer(s):
                    yield f"the gateway works {what}: {word}", partial(self._answer, less, word)
            else:
                word = "declined" if s.charge == "declined" else "unlisted"
                yield f"the gateway refuses {what}", partial(self._tell_owner, less, word)

    def _may_answer(self, s: Scene) -> tuple[Answer, ...]:
        """Return what may come of an approval; one that is overdue is heard of, or not worked."""
        if s.phase == 0 or not self._world.is_overdue or self._owner(s) is not None:
            return self._world.answers
        return ()

    def _answer(self, s: Scene, word: Answer) -> Scene:
        now = {"declined": "declined", "unlisted": "none"}.get(word, "live")
        return self._tell_owner(s._replace(charge=now), word)

    def _tell_owner(self, s: Scene, word: str) -> Scene:
        place = self._owner(s)
        return s if place is None else s._replace(mail=put(s.mail, place, word))

    def _owner(self, s: Scene) -> int | None:
        """Return who waits for the approval's answer."""
        for place in range(len(s.actors)):
            asks = self._waits_for(s, place)
            if asks is not None and asks.path == APPROVAL_PATH:
                return place
        return None

    def _work_void(self, s: Scene, place: int, *, is_cancel: bool) -> Steps:
        what = f"the {'cancel' if is_cancel else 'net-cancel'} of {self._world.roles[place]}"
        then, code = (self._refund if is_cancel else self._void)(s)
        done = then._replace(mail=put(s.mail, place, code))
        yield f"the gateway works {what}", partial(same, done)
        if s.budgets.losses and (self._world.has_cancels or not is_cancel):
            refused = spend(s, "losses")._replace(mail=put(s.mail, place, "7777"))
            yield f"the gateway refuses {what}", partial(same, refused)
        row = self._row(s)
        is_proven = row is not None and row.answer is not None and s.charge == "live"
        if s.budgets.denials and is_proven and not is_cancel:
            denied = spend(s, "denials")._replace(mail=put(s.mail, place, "4444"))
            yield f"the gateway denies what {what} is about", partial(same, denied)

    def _work_strays(self, s: Scene) -> Steps:
        net_cancels, cancels = s.strays
        if net_cancels:
            less = s._replace(strays=(net_cancels - 1, cancels))
            yield "the gateway works a stray net-cancel", partial(same, self._void(less)[0])
            yield "a stray net-cancel is lost", partial(same, less)
        if cancels:
            less = s._replace(strays=(net_cancels, cancels - 1))
            yield "the gateway works a stray cancel", partial(same, self._refund(less)[0])
            yield "a stray cancel is lost", partial(same, less)

    def _void(self, s: Scene) -> tuple[Scene, str]:
        says = self._world.memory == "code"
        if s.charge == "live":
            return s._replace(charge="void"), "0000"
        if s.charge == "void":
            return s, "5555" if says else "0000"
        is_barred = s.is_barred or (self._world.memory == "tombstone" and s.charge == "none")
        return s._replace(is_barred=is_barred), "4444" if says else "0000"

    @staticmethod
    def _refund(s: Scene) -> tuple[Scene, str]:
        return (s._replace(charge="void"), "0000") if s.charge == "live" else (s, "7777")


def leave_astray(s: Scene, place: int, node: Node) -> Scene:
    """Leave on the wire what an actor sent and does not wait for any more."""
    if s.mail[place] != OUT or not isinstance(node.asks, Exchange):
        return s
    net_cancels, cancels = s.strays
    path = node.asks.signed.path
    return s._replace(
        strays=(net_cancels + (path == NET_CANCEL_PATH), cancels + (path == CANCEL_PATH))
    )
