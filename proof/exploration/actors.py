"""Those who work on a payment: each begins a flow, hears answers, and may die on the way."""

# ruff: noqa: ANN401  what an effect is answered is the effect's own

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel.core import flows
from netcancel.core.effects import (
    Confirm,
    Effect,
    Exchange,
    Find,
    Flow,
    HandOver,
    Note,
    Open,
    Read,
    Unavailable,
    Write,
)
from netcancel.core.lifecycle import RECOVERABLE, IllegalMove, State
from netcancel.core.payment import MICROSECONDS, Claim, Payment
from netcancel.drive import ask
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH
from proof.exploration.attendance import Attendance, forgotten
from proof.exploration.automaton import Ended, Interrupted, Pause
from proof.exploration.backups import let_go
from proof.exploration.books import NOBODY, TIMES
from proof.exploration.gateway import leave_astray
from proof.exploration.promises import ASK_FOR_REFUNDS, check_end, check_told
from proof.exploration.scene import IDLE, OUT, OVER, put, spend
from proof.exploration.search import Broken
from proof.exploration.tokens import MERCHANT, NUMBER, PLACE, POLICY, answer

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from netcancel.drive import Asking
    from netcancel.journal import Journal
    from proof.exploration.automaton import Automaton, Node
    from proof.exploration.books import Books
    from proof.exploration.gateway import Gateway
    from proof.exploration.scene import Scene, Steps
    from proof.exploration.tokens import Wishes
    from proof.exploration.worlds import World

UNCLEAR: Final = Unavailable("the connection broke")


class Actors:
    """What the roles of a world may do next."""

    def __init__(
        self, world: World, wishes: Wishes, books: Books, automaton: Automaton, gateway: Gateway
    ) -> None:
        self._world = world
        self._wishes = wishes
        self._books = books
        self._flows = automaton
        self._gateway = gateway
        self._attendance = Attendance(world.roles, books)

    def steps(self, s: Scene) -> Steps:
        """Name what somebody may do next."""
        for place, role in enumerate(self._world.roles):
            if s.actors[place] >= 0:
                yield from self._act(s, place, role)
            elif s.actors[place] == IDLE:
                yield from self._begin(s, place, role)
        yield from self._attendance.steps(s)

    # How they come.

    def _begin(self, s: Scene, place: int, role: str) -> Steps:
        if role.startswith("worker"):
            yield from self._claim(s, place, role)
        elif (flow := self._errand(s, role)) is not None:
            told = s._replace(told=s.told | {role}) if role in ASK_FOR_REFUNDS else s
            yield f"{role} begins", partial(self._started, told, place, role, flow)

    def _errand(self, s: Scene, role: str) -> Callable[[], Flow[Any]] | None:  # noqa: PLR0911  one a role
        """Return the flow for which a caller comes; None: it has no reason to come yet."""
        match role:
            case "owner" | "second":
                return partial(flows.approve, self._wishes.orders[role], POLICY)
            case "voider":
                return partial(flows.void, self._wishes.void, POLICY)
            case _ if s.row == NOBODY:
                return None
            case "canceller":
                return partial(flows.cancel, _cancel_wish(role), POLICY)
            case "rejecter" if s.told & {"unconfirmed", "approved"}:
                return partial(flows.reject, _cancel_wish(role), POLICY)
            case "merchant" if "unconfirmed" in s.told:
                return partial(flows.confirm, frozenset([PLACE]), MERCHANT.tid, NUMBER, role)
            case _:
                return None

    def _claim(self, s: Scene, place: int, role: str) -> Steps:
        if s.row == NOBODY or not self._attendance.may_claim(s, place):
            return
        row = self._books.rows[s.row]
        if row.state not in RECOVERABLE or row.due_at is None:
            return
        if row.state is State.SETTLING and not row.is_held and s.phase == 0:
            return  # it is due when the settle time is over
        if role == "worker2" and self._is_turn_of_first(s, place):
            return
        if not self._is_held(s, row):
            yield f"{role} claims", partial(self._claimed, s, place, role)
        elif s.budgets.takeovers:
            name = f"the lease of {row.version.writer} runs out, and {role} claims"
            yield name, partial(self._claimed, spend(s, "takeovers"), place, role)

    def _is_turn_of_first(self, s: Scene, place: int) -> bool:
        """Whether the first worker isn't at work either: the two may differ by name alone."""
        first = self._world.roles.index("worker1")
        return s.actors[first] == IDLE and not self._attendance.differ(s, first, place)

    def _is_held(self, s: Scene, row: Payment) -> bool:
        """Whether somebody who lives has a lease."""
        if not row.is_held or row.due_at is None or row.due_at <= TIMES[s.phase] * MICROSECONDS:
            return False
        return any(
            actor >= 0 and role == row.version.writer
            for actor, role in zip(s.actors, self._world.roles, strict=True)
        )

    def _claimed(self, s: Scene, place: int, role: str) -> Scene:
        seen = None if s.watch is None else s.watch.seen[place]

        def work(journal: Journal) -> Future[Any]:
            return journal.claim_due(
                world=PLACE, writer=role, limit=1, hold_seconds=POLICY.hold_seconds, seen=seen
            )

        row, claims = self._books.do(("claim", role, seen), s.row, s.phase, work, is_due=True)
        if self._attendance.is_refused(s, place):
            if claims:
                raise Broken("I2: recovery claims what a restored journal has")
            return s
        if not claims:
            raise Broken("I5: what is owed can't be claimed")
        body = self._body(s)
        claim = Claim(claims[0].payment, body)
        flow = partial(flows.recover, claim, 0.0, role, POLICY)
        return self._started(
            s._replace(row=row), place, role, flow, (self._books.plain[s.row], s.phase, body)
        )

    def _started(
        self, s: Scene, place: int, role: str, flow: Callable[[], Flow[Any]], root: Any = None
    ) -> Scene:
        return self._at(s, place, self._flows.begin((role, root), role, flow, self._body(s)))

    def _body(self, s: Scene) -> bytes | None:
        return None if s.is_shredded else self._wishes.net_cancel

    # How they go on, and leave.

    def _act(self, s: Scene, place: int, role: str) -> Steps:
        node = self._flows.nodes[s.actors[place]]
        asks = node.asks
        if isinstance(asks, Exchange):
            yield from self._exchange(s, place, role, node, asks)
        else:
            yield from self._ask(s, place, role, node, asks)
        if s.budgets.crashes:
            spent = leave_astray(spend(s, "crashes"), place, node)
            yield f"{role} dies", partial(self._left, forgotten(spent, place), place)
            if not role.startswith("worker") and not isinstance(asks, HandOver):
                yield (
                    f"{role} is interrupted",
                    partial(self._go_on, spent, place, node, "interrupt", Interrupted()),
                )

    def _go_on(self, s: Scene, place: int, node: Node, key: Any, value: Any) -> Scene:
        return self._at(s, place, self._flows.go_on(node, key, value, self._body(s)))

    def _hear(self, s: Scene, place: int, name: str, key: Any, value: Any) -> Steps:
        """Let an answer reach a flow, which may be paused before it signs or looks at the clock."""
        node = self._flows.nodes[s.actors[place]]
        yield name, partial(self._go_on, s, place, node, key, value)
        if not s.budgets.pauses:
            return
        for pause in (Pause.AT_ONCE, Pause.BEFORE_THE_CLOCK):
            then = self._flows.go_on(node, key, value, self._body(s), pause)
            if pause in then.notices:
                yield (
                    f"{name}, and is paused {pause}",
                    partial(self._at, spend(s, "pauses"), place, then),
                )

    def _at(self, s: Scene, place: int, node: Node) -> Scene:
        """Return the scene in which an actor has come to a node."""
        role = self._world.roles[place]
        s = s._replace(mail=put(s.mail, place, ""))
        if not isinstance(node.asks, Ended):
            return s._replace(actors=put(s.actors, place, node.number))
        check_end(role, node.asks.error)
        payment = None if role.startswith("worker") else node.asks.value
        return self._left(s if payment is None else self._tell(s, role, payment), place)

    def _left(self, s: Scene, place: int) -> Scene:
        """Return the scene without an actor; a worker may come again."""
        role = self._world.roles[place]
        s = let_go(s, place)
        return s._replace(
            actors=put(s.actors, place, IDLE if role.startswith("worker") else OVER),
            mail=put(s.mail, place, ""),
            row=self._books.without(s.row, role),
        )

    def _tell(self, s: Scene, role: str, payment: Payment) -> Scene:
        """Tell a caller what became of it."""
        if payment.state is State.APPROVING:
            return s
        check_told(role, payment, None if s.row == NOBODY else self._books.rows[s.row])
        if payment.state not in {State.APPROVED, State.UNCONFIRMED}:
            return s
        return s._replace(told=s.told | {payment.state.value})

    # What they ask, of the journal and of the gateway.

    def _ask(self, s: Scene, place: int, role: str, node: Node, asks: Effect[Any] | Ended) -> Steps:
        """Ask the journal; its answer may get lost, before or after it is done."""
        work, what = _journal_work(asks)
        name = f"{role} {what}"
        key = (type(asks).__name__, node.number) if not isinstance(asks, Find) else "find"
        try:
            row, said = self._books.do(key, s.row, s.phase, work)
        except IllegalMove as error:
            yield name, partial(_fail, f"the table has no such move: {error}")
            return
        after = s._replace(row=row)
        if not (isinstance(asks, Read) and _knows(node, said)):
            outcome = "" if said is not None or not isinstance(asks, Write) else " in vain"
            is_reading = isinstance(asks, Read | Find)
            now, was = self._books.plain[row], self._books.plain[s.row]
            answered = (now, was, s.phase) if is_reading or not said else (now, s.phase)
            yield from self._hear(after, place, name + outcome, answered, said)
        if s.budgets.doubts and not isinstance(asks, HandOver):
            spent = spend(s, "doubts")
            yield from self._hear(spent, place, f"{name}, unclear: not done", "unclear", UNCLEAR)
            if row != s.row:
                done = spent._replace(row=row)
                yield from self._hear(done, place, f"{name}, unclear: done", "unclear", UNCLEAR)

    def _exchange(self, s: Scene, place: int, role: str, node: Node, asks: Exchange) -> Steps:
        path, body, mail = asks.signed.path, asks.signed.body, s.mail[place]
        what = {APPROVAL_PATH: "approval", CANCEL_PATH: "cancel"}.get(path, "net-cancel")
        is_approval = path == APPROVAL_PATH
        if mail not in {"", OUT}:
            yield from self._hear(s, place, f"{role} reads {mail!r}", mail, answer(mail, body))
        if mail == "":
            take = partial(self._gateway.take, s, place, asks.signed)
            yield f"{role} sends its {what}", take
        if not (is_approval or s.budgets.losses):
            return
        spent = s if is_approval else spend(s, "losses")
        if mail == "":
            word, name = "not-connected", f"{role} can't connect for its {what}"
        elif mail == OUT or s.phase == 0 or not self._world.is_overdue:
            word, name = "silence", f"{role} gives up its {what}"
            spent = leave_astray(spent, place, node)
        else:
            return  # what is overdue is heard
        yield from self._hear(spent, place, name, word, answer(word, body))


def _cancel_wish(role: str) -> flows.CancelWish:
    return flows.CancelWish(
        worlds=frozenset([PLACE]), tid=MERCHANT.tid, merc_trx_no=NUMBER, writer=role
    )


def _knows(node: Node, said: Any) -> bool:
    """Whether a flow that waits has read just this: to look again tells it nothing."""
    rows = [a for a in node.answers if isinstance(a, Payment | Unavailable)]
    last = rows[-1] if rows else None
    return isinstance(last, Payment) and bool(last.history) and last == said


def _fail(what: str) -> Scene:
    raise Broken(what)


def _journal_work(
    asks: Effect[Any] | Ended,
) -> tuple[Callable[[Journal], Future[Any]], str]:
    """Say what an effect asks of the journal, and call it by a name."""
    match asks:
        case HandOver(payment_id, writer):
            return lambda journal: journal.hand_over_if_held(payment_id, writer), "hands it over"
        case Open() | Read() | Find() | Confirm() | Write() | Note():
            return lambda journal: ask(journal, asks), _named(asks)
        case _:
            raise TypeError(asks)


def _named(asks: Asking) -> str:
    if isinstance(asks, Write | Note):
        return f"{'writes' if isinstance(asks, Write) else 'notes'} {asks.event}"
    return NAMES[type(asks)]


NAMES: Final = {
    Open: "writes its intent",
    Read: "reads the row",
    Find: "finds the row",
    Confirm: "writes its confirmation",
}
