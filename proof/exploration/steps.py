"""What may happen next in a world, and what must be true after it."""

# ruff: noqa: ANN401  what an effect is answered is the effect's own

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from netcancel import operators
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
from netcancel.core.lifecycle import FINAL, RECOVERABLE, Resolution, State
from netcancel.core.payment import MICROSECONDS, Payment
from netcancel.drive import ask
from netcancel.errors import ConfigurationError
from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH
from proof.exploration.automaton import Automaton, Ended, Interrupted, Node
from proof.exploration.books import NOBODY, TIMES, Books
from proof.exploration.search import Broken, Graph
from proof.exploration.tokens import MERCHANT, NUMBER, PLACE, POLICY, answer, order
from proof.simulation.promises import MAY_BE_VOIDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from netcancel.drive import Asking
    from netcancel.journal import Journal
    from netcancel.journal.memory import MemoryJournal
    from proof.exploration.worlds import Budgets, World

IDLE: Final = -1
OVER: Final = -2
UNCLEAR: Final = Unavailable("the connection broke")


class Scene(NamedTuple):
    """One state of a world; rows and flows are numbers of `Books` and `Automaton`."""

    row: int
    actors: tuple[int, ...]
    mail: tuple[str, ...]
    """By actor: `out` where its request is on the wire, else the answer that waits for it."""
    approvals: int
    """Copies of the approval that are on the wire."""
    strays: tuple[int, int]
    """Net-cancels and cancels on the wire that nobody waits for."""
    charge: str
    """none, live, void or declined: the truth."""
    is_barred: bool
    """Whether the gateway remembers a net-cancel, and refuses the approval."""
    phase: int
    was_sent: bool
    told: frozenset[str]
    is_shredded: bool
    budgets: Budgets


class Stage:
    """A world with its flows and its journal."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.orders = {role: order(role, confirms=world.confirms) for role in ("owner", "second")}
        self.body = self.orders["owner"].intent.net_cancel_body
        self.books = Books(self.orders["owner"].intent)
        self.flows = Automaton()

    def graph(self) -> Graph[Scene]:
        """Return the world as a graph."""
        count = len(self.world.roles)
        start = Scene(
            NOBODY, (IDLE,) * count, ("",) * count, 0, (0, 0), "none", False, 0, False,  # noqa: FBT003
            frozenset(), False, self.world.budgets,  # noqa: FBT003  fields, in their order
        )  # fmt: skip
        return Graph(start, self.steps, self.is_final)

    def is_final(self, s: Scene) -> bool:
        """Whether nobody is at work and nothing is owed but by a person."""
        closed = FINAL | {State.ESCALATED}
        is_closed = s.row == NOBODY or self.books.rows[s.row].state in closed
        return is_closed and all(actor < 0 for actor in s.actors)

    def steps(self, s: Scene) -> Iterator[tuple[str, Callable[[], Scene]]]:
        """Name what may happen next; whoever makes it hears whether a promise breaks."""
        for name, make in self._all_steps(s):
            yield name, partial(self._checked, make)

    def _all_steps(self, s: Scene) -> Iterator[tuple[str, Callable[[], Scene]]]:
        for place, role in enumerate(self.world.roles):
            if s.actors[place] >= 0:
                yield from self._act(s, place, role)
            elif s.actors[place] == IDLE:
                yield from self._begin(s, place, role)
        yield from self._gateway(s)
        yield from self._time(s)
        yield from self._by_hand(s)

    # Flows.

    def _begin(self, s: Scene, place: int, role: str) -> Iterator[tuple[str, Callable[[], Scene]]]:
        begin = partial(self._started, s, place, role)
        if role in self.orders:
            yield (
                f"{role} approves",
                partial(begin, partial(flows.approve, self.orders[role], POLICY)),
            )
        elif role.startswith("worker"):
            yield from self._claim(s, place, role)
        elif s.row == NOBODY:
            return
        elif role == "merchant":
            if "unconfirmed" in s.told:
                flow = partial(flows.confirm, frozenset([PLACE]), MERCHANT.tid, NUMBER, role)
                yield f"{role} confirms", partial(begin, flow)
        elif role == "canceller" or s.told & {"unconfirmed", "approved"}:
            wish = flows.CancelWish(
                worlds=frozenset([PLACE]), tid=MERCHANT.tid, merc_trx_no=NUMBER, writer=role
            )
            asks = flows.cancel if role == "canceller" else flows.reject
            told = s._replace(told=s.told | {role})
            yield (
                f"{role} begins",
                partial(self._started, told, place, role, partial(asks, wish, POLICY)),
            )

    def _started(
        self, s: Scene, place: int, role: str, flow: Callable[[], Flow[Any]], root: Any = None
    ) -> Scene:
        node = self.flows.begin((role, root), role, flow, self._body(s))
        return self._at(s, place, node)

    def _claim(self, s: Scene, place: int, role: str) -> Iterator[tuple[str, Callable[[], Scene]]]:
        if s.row == NOBODY:
            return
        row = self.books.rows[s.row]
        if row.state not in RECOVERABLE or row.due_at is None:
            return
        lives = (
            row.is_held
            and row.due_at > TIMES[s.phase] * MICROSECONDS
            and any(
                s.actors[other] >= 0 and self.world.roles[other] == row.version.writer
                for other in range(len(s.actors))
            )
        )
        if row.state is State.SETTLING and not row.is_held and s.phase == 0:
            return  # it is due when the settle time is over
        if not lives:
            yield f"{role} claims", partial(self._claimed, s, place, role)
        elif s.budgets.takeovers:
            name = f"the lease of {row.version.writer} runs out, and {role} claims"
            yield name, partial(self._claimed, _spent(s, "takeovers"), place, role)

    def _claimed(self, s: Scene, place: int, role: str) -> Scene:
        def work(journal: MemoryJournal) -> Future[Any]:
            return journal.claim_due(
                world=PLACE, writer=role, limit=1, hold_seconds=POLICY.hold_seconds
            )

        row, claims = self.books.do(("claim", role), s.row, s.phase, work, is_due=True)
        if not claims:
            raise Broken("I5: what is owed can't be claimed")
        claim = claims[0]
        body = self._body(s)
        claim = type(claim)(claim.payment, body)
        flow = partial(flows.recover, claim, 0.0, role, POLICY)
        return self._started(s._replace(row=row), place, role, flow, (s.row, s.phase, body))

    def _body(self, s: Scene) -> bytes | None:
        return None if s.is_shredded else self.body

    def _at(self, s: Scene, place: int, node: Node) -> Scene:
        """Return the scene in which an actor has come to a node."""
        role = self.world.roles[place]
        s = s._replace(mail=_with(s.mail, place, ""))
        if not isinstance(node.asks, Ended):
            return s._replace(actors=_with(s.actors, place, node.number))
        if role.startswith("worker"):
            return self._left(s, place)
        value = node.asks.value
        return self._left(s if value is None else self._tell(s, role, value), place)

    def _left(self, s: Scene, place: int) -> Scene:
        """Return the scene without an actor; a worker may come again."""
        role = self.world.roles[place]
        state = IDLE if role.startswith("worker") else OVER
        return s._replace(
            actors=_with(s.actors, place, state),
            mail=_with(s.mail, place, ""),
            row=self.books.without(s.row, role),
        )

    def _tell(self, s: Scene, role: str, payment: Payment) -> Scene:
        """Tell a caller what became of it, which must be durable (I4)."""
        if payment.state is State.APPROVING:
            return s
        row = None if s.row == NOBODY else self.books.rows[s.row]
        if row is None or payment.version.counter > row.version.counter:
            raise Broken(f"I4: {role} hears {payment.state}, which no journal has")
        if payment.version == row.version and payment.state is not row.state:
            raise Broken(f"I4: {role} hears {payment.state}, but the journal has {row.state}")
        told = {
            State.APPROVED: "approved",
            State.UNCONFIRMED: "unconfirmed",
        }.get(payment.state)
        return s if told is None else s._replace(told=s.told | {told})

    def _act(self, s: Scene, place: int, role: str) -> Iterator[tuple[str, Callable[[], Scene]]]:
        node = self.flows.nodes[s.actors[place]]
        asks = node.asks
        if isinstance(asks, Exchange):
            yield from self._exchange(s, place, role, node, asks)
        else:
            yield from self._ask(s, place, role, node, asks)
        if s.budgets.crashes:
            spent = _spent(s, "crashes")
            spent = self._astray(spent, place, node)
            yield f"{role} dies", partial(self._left, spent, place)
            if not role.startswith("worker") and not isinstance(asks, HandOver):
                yield (
                    f"{role} is interrupted",
                    partial(self._go_on, spent, place, node, "interrupt", Interrupted()),
                )

    def _go_on(self, s: Scene, place: int, node: Node, key: Any, value: Any) -> Scene:
        then = self.flows.go_on(node, key, value, self._body(s), pauses=False)
        return self._at(s, place, then)

    def _next(
        self, s: Scene, place: int, name: str, key: Any, value: Any
    ) -> Iterator[tuple[str, Callable[[], Scene]]]:
        """Let an answer reach a flow, which may be paused before it looks at the clock."""
        node = self.flows.nodes[s.actors[place]]
        yield name, partial(self._go_on, s, place, node, key, value)
        if s.budgets.pauses:
            then = self.flows.go_on(node, key, value, self._body(s), pauses=True)
            if then.looked_at_clock:
                yield (
                    f"{name}, and it is paused",
                    partial(self._at, _spent(s, "pauses"), place, then),
                )

    def _ask(
        self, s: Scene, place: int, role: str, node: Node, asks: Effect[Any] | Ended
    ) -> Iterator[tuple[str, Callable[[], Scene]]]:
        """Ask the journal; its answer may get lost, before or after it is done."""
        work, name = _journal_work(asks)
        name = f"{role} {name}"
        key = (type(asks).__name__, node.number) if not isinstance(asks, Find) else "find"
        row, said = self.books.do(key, s.row, s.phase, work)
        is_reading = isinstance(asks, Read | Find)
        after = s._replace(row=row)
        if not (isinstance(asks, Read) and self._knows(node, said)):
            outcome = "" if said is not None or not isinstance(asks, Write) else " in vain"
            answered = (row, s.row, s.phase) if is_reading or not said else (row, s.phase)
            yield from self._next(after, place, name + outcome, answered, said)
        if s.budgets.doubts and not isinstance(asks, HandOver):
            spent = _spent(s, "doubts")
            yield (
                f"{name}, unclear: not done",
                partial(self._go_on, spent, place, node, "unclear", UNCLEAR),
            )
            if row != s.row:
                yield (
                    f"{name}, unclear: done",
                    partial(self._go_on, spent._replace(row=row), place, node, "unclear", UNCLEAR),
                )

    @staticmethod
    def _knows(node: Node, said: Any) -> bool:
        """Whether a flow that waits has read just this: to look again tells it nothing."""
        rows = [a for a in node.answers if isinstance(a, Payment | Unavailable)]
        last = rows[-1] if rows else None
        return isinstance(last, Payment) and bool(last.history) and last == said

    # The wire and the gateway.

    def _exchange(
        self, s: Scene, place: int, role: str, node: Node, asks: Exchange
    ) -> Iterator[tuple[str, Callable[[], Scene]]]:
        path, body, mail = asks.signed.path, asks.signed.body, s.mail[place]
        what = {APPROVAL_PATH: "approval", CANCEL_PATH: "cancel"}.get(path, "net-cancel")
        if mail == "":
            yield f"{role} sends its {what}", partial(self._sent, s, place, path, body)
            if path == APPROVAL_PATH or s.budgets.losses:
                spent = s if path == APPROVAL_PATH else _spent(s, "losses")
                yield from self._next(
                    spent, place, f"{role} can't connect for its {what}", "not-connected",
                    answer("not-connected", body),
                )  # fmt: skip
            return
        if mail != "out":
            yield from self._next(
                s, place, f"{role} reads {mail!r}", mail, answer(mail, body)
            )  # fmt: skip
        if path == APPROVAL_PATH or s.budgets.losses:
            spent = s if path == APPROVAL_PATH else _spent(s, "losses")
            yield from self._next(
                self._astray(spent, place, node), place, f"{role} gives up its {what}", "silence",
                answer("silence", body),
            )  # fmt: skip

    def _sent(self, s: Scene, place: int, path: str, body: bytes) -> Scene:
        if s.row == NOBODY:
            raise Broken("I4: sent before its intent is durable")
        row = self.books.rows[s.row]
        s = s._replace(mail=_with(s.mail, place, "out"))
        if path == APPROVAL_PATH:
            if s.was_sent:
                raise Broken("I7: the approval is sent a second time")
            lives = s.phase == 0 or self.world.memory == "tombstone"
            return s._replace(approvals=s.approvals + lives, was_sent=True)
        if path == NET_CANCEL_PATH and body != self.body:
            raise Broken("I3: the net-cancel has other data")
        if path == CANCEL_PATH and row.cancel_body != body.decode():
            raise Broken("I4: a cancel is sent that no journal has")
        if row.state not in MAY_BE_VOIDED:
            raise Broken(f"I4: a void is sent of what the journal calls {row.state}")
        return s

    def _astray(self, s: Scene, place: int, node: Node) -> Scene:
        """Leave on the wire what nobody waits for any more."""
        if s.mail[place] != "out" or not isinstance(node.asks, Exchange):
            return s
        net_cancels, cancels = s.strays
        match node.asks.signed.path:
            case p if p == NET_CANCEL_PATH:
                return s._replace(strays=(net_cancels + 1, cancels))
            case p if p == CANCEL_PATH:
                return s._replace(strays=(net_cancels, cancels + 1))
        return s

    def _gateway(self, s: Scene) -> Iterator[tuple[str, Callable[[], Scene]]]:
        if s.approvals:
            yield from self._work_approval(s)
        for place in range(len(s.actors)):
            if s.mail[place] != "out":
                continue
            asks = self.flows.nodes[s.actors[place]].asks
            if not isinstance(asks, Exchange) or asks.signed.path == APPROVAL_PATH:
                continue
            is_cancel = asks.signed.path == CANCEL_PATH
            what = f"the {'cancel' if is_cancel else 'net-cancel'} of {self.world.roles[place]}"
            then, code = (self._refund if is_cancel else self._void)(s)
            done = then._replace(mail=_with(s.mail, place, code))
            yield f"the gateway works {what}", partial(_same, done)
            if s.budgets.losses and (self.world.has_cancels or not is_cancel):
                refused = _spent(s, "losses")._replace(mail=_with(s.mail, place, "7777"))
                yield f"the gateway refuses {what}", partial(_same, refused)
        net_cancels, cancels = s.strays
        if net_cancels:
            less = s._replace(strays=(net_cancels - 1, cancels))
            yield "the gateway works a stray net-cancel", partial(_same, self._void(less)[0])
            yield "a stray net-cancel is lost", partial(_same, less)
        if cancels:
            less = s._replace(strays=(net_cancels, cancels - 1))
            yield "the gateway works a stray cancel", partial(_same, self._refund(less)[0])
            yield "a stray cancel is lost", partial(_same, less)

    def _work_approval(self, s: Scene) -> Iterator[tuple[str, Callable[[], Scene]]]:
        rest = [(s._replace(approvals=s.approvals - 1), "an approval")]
        if s.budgets.copies:
            rest.append((_spent(s, "copies"), "a copy of the approval"))
        yield "an approval is lost", partial(_same, rest[0][0])
        for less, what in rest:
            if s.charge == "none" and not s.is_barred:
                for word in self.world.answers:
                    yield f"the gateway works {what}: {word}", partial(self._answered, less, word)
            else:
                word = "declined" if s.charge == "declined" else "unlisted"
                yield f"the gateway refuses {what}", partial(self._answered, less, word, "")

    def _answered(self, s: Scene, word: str, charge: str | None = None) -> Scene:
        if charge is None:
            now = {"declined": "declined", "unlisted": "none"}.get(word, "live")
            s = s._replace(charge=now)
        for place, actor in enumerate(s.actors):
            asks = self.flows.nodes[actor].asks if actor >= 0 else None
            waits = s.mail[place] == "out" and isinstance(asks, Exchange)
            if waits and isinstance(asks, Exchange) and asks.signed.path == APPROVAL_PATH:
                return s._replace(mail=_with(s.mail, place, word))
        return s

    def _void(self, s: Scene) -> tuple[Scene, str]:
        says = self.world.memory == "code"
        if s.charge == "live":
            return s._replace(charge="void"), "0000"
        if s.charge == "void":
            return s, "5555" if says else "0000"
        is_barred = s.is_barred or (self.world.memory == "tombstone" and s.charge == "none")
        return s._replace(is_barred=is_barred), "4444" if says else "0000"

    @staticmethod
    def _refund(s: Scene) -> tuple[Scene, str]:
        return (s._replace(charge="void"), "0000") if s.charge == "live" else (s, "7777")

    # Time and people.

    def _time(self, s: Scene) -> Iterator[tuple[str, Callable[[], Scene]]]:
        if s.row == NOBODY:
            return
        if s.phase == 0:
            copies = s.approvals if self.world.memory == "tombstone" else 0
            yield "the settle time passes", partial(_same, s._replace(phase=1, approvals=copies))
        elif self.world.ages and s.phase == 1 and not self._is_asking(s):
            yield "the retry window passes", partial(_same, s._replace(phase=2))
        is_closed = self.books.rows[s.row].state.is_final
        if self.world.ages and s.phase and is_closed and not s.is_shredded:
            yield "the token is shredded", partial(_same, s._replace(is_shredded=True))

    def _is_asking(self, s: Scene) -> bool:
        """Whether a request is to be sent or answered, which is over in seconds, not in a day."""
        nodes = [self.flows.nodes[actor] for actor in s.actors if actor >= 0]
        return any(isinstance(node.asks, Exchange) for node in nodes)

    def _by_hand(self, s: Scene) -> Iterator[tuple[str, Callable[[], Scene]]]:
        if not s.budgets.by_hand or s.row == NOBODY:
            return
        row, spent = self.books.rows[s.row], _spent(s, "by_hand")
        if not operators.may_retry(row):
            return
        for as_cancel in (False, True):
            try:
                yield self._retried(spent, row, as_cancel=as_cancel)
            except ConfigurationError:
                continue
        is_quiet = s.strays == (0, 0) and all(actor < 0 for actor in s.actors)
        seen = _as_seen(row, is_settled=s.phase > 0, is_quiet=is_quiet)
        if operators.why_not_resolve(seen, POLICY) is None:
            stands = s.charge == "live"
            kind = Resolution.CHARGE_STANDS if stands else Resolution.NO_CHARGE
            after = self._resolved(spent, seen, kind)
            yield f"a person resolves it: {kind}", partial(_same, after)

    def _retried(
        self, s: Scene, seen: Payment, *, as_cancel: bool
    ) -> tuple[str, Callable[[], Scene]]:
        def work(journal: MemoryJournal) -> Future[Any]:
            return operators.retry(_tagged(journal), seen, by="a person", as_cancel=as_cancel)

        row, _ = self.books.do(("retry", as_cancel), s.row, s.phase, work)
        what = "cancel" if as_cancel else "net-cancel"
        return f"a person retries it by a {what}", partial(_same, s._replace(row=row))

    def _resolved(self, s: Scene, seen: Payment, kind: Resolution) -> Scene:
        def work(journal: MemoryJournal) -> Future[Any]:
            return operators.resolve(
                _tagged(journal), seen, POLICY, kind,
                by="a person", note="found", although_told_void=True,
            )  # fmt: skip

        row, _ = self.books.do(("resolve", kind), s.row, s.phase, work)
        return s._replace(row=row)

    # Promises.

    def _checked(self, make: Callable[[], Scene]) -> Scene:
        s = make()
        row = None if s.row == NOBODY else self.books.rows[s.row]
        if "approved" in s.told and "canceller" not in s.told and s.charge != "live":
            raise Broken("I2: the caller was told that it is approved, and nobody is charged")
        if row is None:
            if s.charge == "live":
                raise Broken("I1: a charge that no journal knows")
            return s
        if row.state is State.APPROVED and s.charge != "live":
            raise Broken("I8: approved in the journal, and nobody is charged")
        is_open = row.state not in FINAL | {State.ESCALATED}
        if is_open and row.due_at is None:
            raise Broken(f"I5: {row.state}, and nobody will ever look at it")
        is_quiet = s.strays == (0, 0) and not s.approvals and all(a < 0 for a in s.actors)
        if is_quiet:
            _check_at_rest(row, s.charge)
        return s


class _Tagged:
    """A journal in which whatever a person writes has one tag: else no two runs are the same."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal

    def move_if_unchanged(self, seen: Payment, event: Any, _: str, change: Any) -> Future[Any]:
        return self._journal.move_if_unchanged(seen, event, "person", change)


def _tagged(journal: MemoryJournal) -> Journal:
    return cast("Journal", _Tagged(journal))  # of which a person's moves use one operation


def _check_at_rest(row: Payment, charge: str) -> None:
    is_void = row.state in {State.NET_CANCELLED, State.CANCELLED, State.DECLINED}
    if charge == "live" and (is_void or row.resolution is Resolution.NO_CHARGE):
        raise Broken(f"I1: {row.state} in the journal, and the customer is charged")
    stands = row.state is State.RESOLVED and row.resolution is Resolution.CHARGE_STANDS
    if stands and charge != "live":
        raise Broken("I1: a person let the charge stand, and there is none")


def _as_seen(row: Payment, *, is_settled: bool, is_quiet: bool) -> Payment:
    """Return a row as a person reads it: soon after it was written, or when all has ended."""
    read_at = round(POLICY.hold_seconds * MICROSECONDS) + 1 if is_quiet else 1
    return replace(row, updated_at=0, read_at=read_at, settle_at=0 if is_settled else read_at + 1)


def _journal_work(
    asks: Effect[Any] | Ended,
) -> tuple[Callable[[MemoryJournal], Future[Any]], str]:
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


def _with(values: tuple[Any, ...], place: int, value: Any) -> tuple[Any, ...]:
    return (*values[:place], value, *values[place + 1 :])


def _spent(s: Scene, name: str) -> Scene:
    left = getattr(s.budgets, name) - 1
    return s._replace(budgets=s.budgets._replace(**{name: left}))


def _same(s: Scene) -> Scene:
    return s
