"""What a journal's operations do, written once for every database.

Each is done within one transaction of a session, at a time of the journal's clock. What differs
between databases is their sessions and the text of their statements. SQLite lets in one writer at
a time; a server lets in many, so whatever is read to be written is locked by its query
(`…_TO_WRITE`, `DUE`), and a move is conditional on state and version, whose effect is counted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, TypeVar

from netcancel.core.lifecycle import Event, State, is_move
from netcancel.core.payment import (
    MICROSECONDS,
    Asked,
    Change,
    Claim,
    Intent,
    KeptAnswer,
    Known,
    Opened,
    Page,
    Payment,
    TooMany,
    Used,
)
from netcancel.errors import JournalUnavailable
from netcancel.journal import keys, living, retention, rows, writes
from netcancel.journal.contract import Summary
from netcancel.journal.statements import Query
from netcancel.kicc import ApprovalAnswer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from netcancel.journal.batch import Work
    from netcancel.journal.life import Mark
    from netcancel.journal.rows import Row
    from netcancel.journal.vault import Sealed, Vault

T = TypeVar("T")
S = TypeVar("S", bound="Session")

KNOWN_STATES: Final = {state.value: state for state in State}


class Answer(NamedTuple):
    """What a database says to a query."""

    rows: Sequence[Row]
    written: int
    """How many rows it wrote."""

    @property
    def row(self) -> Row | None:
        """The first row; None: there is none."""
        return self.rows[0] if self.rows else None


class Runs(Protocol):
    """A connection within a transaction, that of a caller perhaps."""

    def execute(self, query: Query, *values: Mapping[str, Any]) -> Answer:
        """Ask with named parameters; with several rows of them, where the query is for many."""


class Session(Runs, Protocol):
    """A connection of ours within a transaction."""

    def start_over(self) -> int:
        """Undo the transaction, begin another, and return its time."""

    def mark(self, name: str) -> None:
        """Set a savepoint."""

    def undo_to(self, name: str) -> None:
        """Undo what was done since a savepoint, the last of this name."""

    def is_refusal(self, error: Exception) -> bool:
        """Whether the database refused a row that breaks a constraint."""


class Ask(NamedTuple):
    """A query that somebody else executes: a caller's connection may have to be awaited."""

    query: Query
    values: Sequence[Mapping[str, Any]]


Asks = Generator[Ask, Answer, T]
"""An operation that yields its queries and is sent their answers."""


def answered(session: Runs, asks: Asks[T]) -> T:
    """Carry out an operation that yields its queries."""
    try:
        ask = next(asks)
        while True:
            ask = asks.send(session.execute(ask.query, *ask.values))
    except StopIteration as stop:
        result: T = stop.value
        return result


async def answered_by_awaiting(
    execute: Callable[[Query, Sequence[Mapping[str, Any]]], Awaitable[Answer]], asks: Asks[T]
) -> T:
    """Carry out an operation that yields its queries, in a session that must be awaited.

    Whatever interrupts the waiting ends the operation: nothing is asked after that.
    """
    try:
        ask = next(asks)
        while True:
            ask = asks.send(await execute(*ask))
    except StopIteration as stop:
        result: T = stop.value
        return result


def unless_refused(session: Session, work: Callable[[], T | None]) -> T | None:
    """Do work and return what it returns; None where a row is refused."""
    try:
        return work()
    except Exception as error:
        if not session.is_refusal(error):
            raise
        return None


def tried(session: Session, name: str, work: Callable[[], T | None]) -> T | None:
    """Do work; where it returns None, or a row is refused, undo it and return None."""
    session.mark(name)
    result = unless_refused(session, work)
    if result is None:
        session.undo_to(name)
    return result


def perform(session: S, works: Sequence[Work[S, Any]], now: int) -> list[Any]:
    """Do a batch's works, as if one after the other."""
    if sum(map(_is_for_many, works)) > 1:
        results = unless_refused(session, lambda: _together(session, works, now))
        if results is not None:
            return results
        # No savepoint: every batch would have to wait for one that hardly any needs.
        now = session.start_over()
    return [work(session, now) for work in works]


@dataclass(frozen=True, slots=True)
class Opening:
    """Writes an intent as `approving`."""

    intent: Intent
    sealed: Sealed
    digest: bytes
    fits: Callable[[bytes, bytes], bool]

    def __call__(self, session: Session, now: int) -> Opened | Known | Used | TooMany:
        """Write it, unless its number is used or too many are in doubt."""
        if not _is_room(session, now, [self.intent], writes=1):
            return self._known(session, now) or TooMany()
        opened = _open_all(session, now, [self])
        if opened is not None:
            return opened[0]
        known = self._known(session, now)
        if known is None:
            keys.check_in_use(session, self.sealed)
            raise JournalUnavailable("the number was there, and then it was not")
        return known

    def values(self, payment: Payment) -> dict[str, Any]:
        """Return the row of OPEN_NEW."""
        sealing = {
            "same_data": self.digest,
            "sealed_key": self.sealed.key,
            "sealed_body": self.sealed.body,
        }
        return rows.columns(payment) | sealing | {"event": Event.INTENT_WRITTEN.value, "note": ""}

    def _known(self, session: Session, now: int) -> Known | Used | None:
        number = {"tid": self.intent.tid, "merc_trx_no": self.intent.merc_trx_no}
        row = session.execute(Query.FIND, number).row
        if row is None:
            return retention.used(session, now, **number)
        is_of_world = row["world"] == self.intent.world
        is_same = is_of_world and self.fits(self.intent.same_data, row["same_data"])
        return Known(rows.payment(row, now), is_same)


@dataclass(frozen=True, slots=True)
class Moving:
    """Makes one of the table's moves."""

    seen: Payment
    event: Event
    writer: str
    change: Change

    def __call__(self, session: Session, now: int) -> Payment | None:
        """Make it; None: the payment is not as it was seen."""
        moved = answered(session, _move_all(now, [self]))
        return None if moved is None else moved[0]

    def values(self, payment: Payment) -> dict[str, Any]:
        """Return the row of MOVE."""
        return rows.columns(payment) | {
            "new_answer": None if self.change.answer is None else self.change.answer.to_json(),
            "event": self.event.value,
            "note": writes.line(self.change),
            "begins_debt": int(self.change.begins_debt),
            "refused": writes.refused_code(self.event, self.change),
            "seen_state": self.seen.state.value,
            "seen_count": self.seen.version.counter,
            "seen_writer": self.seen.version.writer,
        }


def _is_for_many(work: object) -> bool:
    return isinstance(work, Opening | Moving)


def _together(session: S, works: Sequence[Work[S, Any]], now: int) -> list[Any] | None:
    """Do works; openings and moves that are neighbours, by one statement for each kind.

    Each statement is a way to a server and back; with each, SQLite gives up the interpreter's lock
    and has to win it back. None, with some of it done, where it is not as if one after the other: a
    number was used, a payment was moved, by a neighbour perhaps, or too many could be in doubt.
    Where nothing of that happens, neighbours touch different payments, and their order makes no
    difference.
    """
    results: list[Any] = []
    for is_for_many, neighbours in groupby(works, _is_for_many):
        if not is_for_many:
            results += [work(session, now) for work in neighbours]
            continue
        done = _open_and_move(session, now, list(neighbours))
        if done is None:
            return None
        results += done
    return results


def _open_and_move(
    session: Session, now: int, works: Sequence[object]
) -> list[Opened | Payment] | None:
    openings = [work for work in works if isinstance(work, Opening)]
    moves = [work for work in works if isinstance(work, Moving)]
    if not _is_room(session, now, [work.intent for work in openings], writes=len(works)):
        return None
    opened = _open_all(session, now, openings)
    moved = answered(session, _move_all(now, moves))
    if opened is None or moved is None:
        return None
    left, right = iter(opened), iter(moved)
    return [next(left) if isinstance(work, Opening) else next(right) for work in works]


def _is_room(session: Session, now: int, intents: Sequence[Intent], *, writes: int) -> bool:
    """Whether no intent's limit of payments in doubt is reached, even if each write adds one."""
    limits: dict[str, int] = {}
    for intent in intents:
        if intent.max_in_doubt is not None:
            limits[intent.world] = min(intent.max_in_doubt, limits.get(intent.world, sys.maxsize))
    for world, limit in limits.items():
        counted = session.execute(
            Query.COUNT_IN_DOUBT, {"world": world, "now": now, "limit": limit}
        )
        if counted.rows[0]["in_doubt"] + writes > limit:
            return False
    return True


def _open_all(session: Session, now: int, openings: Sequence[Opening]) -> list[Opened] | None:
    """Write intents; None: not all are written, for a number was used."""
    payments = [writes.opened(opening.intent, now) for opening in openings]
    values = [opening.values(payment) for opening, payment in zip(openings, payments, strict=True)]
    written = session.execute(Query.OPEN_NEW, *values).written
    return [Opened(payment) for payment in payments] if written == len(openings) else None


def _move_all(now: int, moves: Sequence[Moving]) -> Asks[list[Payment] | None]:
    """Make moves; None: not all are made, for a payment is not as it was seen."""
    payments = [writes.moved(m.seen, m.event, m.writer, m.change, now) for m in moves]
    values = [move.values(payment) for move, payment in zip(moves, payments, strict=True)]
    moved = yield Ask(Query.MOVE, values)
    if moved.written != len(moves):
        return None
    return (yield from _with_noted_answers(payments))


def _with_noted_answers(payments: list[Payment]) -> Asks[list[Payment]]:
    """Return the proofs too that were noted since payments were seen, without a new version."""
    unproven = [{"id": payment.id} for payment in payments if payment.answer is None]
    if not unproven:
        return payments
    noted: dict[str, ApprovalAnswer] = {}
    for row in (yield Ask(Query.NOTED_ANSWERS, unproven)).rows:
        with suppress(ValueError):  # damaged: whoever reads the row is told
            noted[row["id"]] = ApprovalAnswer.from_json(row["answer"])
    return [
        replace(payment, answer=noted[payment.id]) if payment.id in noted else payment
        for payment in payments
    ]


def look(session: Session, now: int, *, query: Query, values: dict[str, Any]) -> Payment | None:
    """Read one payment with its history."""
    if not rows.are_writable(values.values()):
        return None
    row = session.execute(query, values).row
    if row is None:
        return None
    lines = session.execute(Query.HISTORY, {"seq": row["seq"]}).rows
    history = tuple(entry for entry in map(rows.entry, lines) if entry is not None)
    return replace(rows.payment(row, now), history=history)


def note(
    session: Session, now: int, *, payment_id: str, event: Event, writer: str, change: Change
) -> None:
    """Add a line to a payment's history, and a proof where it has none."""
    if session.execute(Query.READ_TO_WRITE, {"id": payment_id}).row is None:
        raise JournalUnavailable("the payment is not in the journal any more")
    text = writes.noted_line(change, writer)
    session.execute(Query.NOTE, {"id": payment_id, "event": event.value, "note": text, "now": now})
    if change.answer is not None:
        answer = {"answer": change.answer.to_json(), "van_trx_no": change.answer.van_trx_no}
        session.execute(Query.NOTE_ANSWER, {"id": payment_id} | answer)


def hand_over(session: Session, now: int, *, payment_id: str, writer: str) -> None:
    """Make due at once what a writer holds."""
    row = session.execute(Query.READ_TO_WRITE, {"id": payment_id}).row
    if row is None:
        return
    payment = rows.payment_in_part(row, now)
    change = writes.hand_over(payment, writer)
    if change is not None:
        Moving(payment, Event.OWNER_GAVE_UP, writer, change)(session, now)


def open_body(session: Session, now: int, *, payment_id: str, vault: Vault) -> bytes | None:
    """Open a frozen body."""
    keys.check_ring(session, vault)
    row = session.execute(Query.READ, {"id": payment_id}).row
    return None if row is None else _unsealed(row, now, vault)[1]


@dataclass(frozen=True, slots=True)
class MovingAndKeeping:
    """Makes a move and keeps the answer that led to it, unless the row's key is destroyed."""

    move: Moving
    kept: KeptAnswer
    vault: Vault

    def __call__(self, session: Session, now: int) -> Payment | None:
        """Make the move; None: the payment is not as it was seen, and nothing is kept."""
        moved = self.move(session, now)
        if moved is not None:
            self._keep(session, moved)
        return moved

    def _keep(self, session: Session, moved: Payment) -> None:
        row = session.execute(Query.READ, {"id": moved.id}).rows[0]
        asked, name = self.kept.asked, rows.name_of(moved)
        sealed = self.vault.seal_beside(row["sealed_key"], self.kept.body, name, asked)
        if sealed is not None:
            values = {"id": moved.id, "asked": asked.value, "sealed": sealed}
            session.execute(Query.KEEP_ANSWER, values)


def open_answer(
    session: Session, now: int, *, payment_id: str, asked: Asked, vault: Vault
) -> bytes | None:
    """Open a kept answer."""
    keys.check_ring(session, vault)
    row = session.execute(Query.KEPT_ANSWER, {"id": payment_id, "asked": asked.value}).row
    if row is None:
        return None
    name = rows.name_of(rows.payment_in_part(row, now))
    return vault.open_beside(row["sealed_key"], row["sealed_answer"], name, asked)


def confirming(
    now: int, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
) -> Asks[Payment | None]:
    """Yield the queries of `confirm`."""
    number = {"tid": tid, "merc_trx_no": merc_trx_no}
    if not rows.are_writable(number.values()):
        return None
    row = (yield Ask(Query.FIND_TO_WRITE, [number])).row
    if row is None or row["world"] not in worlds:
        return None
    payment = rows.payment(row, now)
    if not is_move(payment.state, Event.CONFIRMED):
        return payment
    confirmed = yield from _move_all(now, [Moving(payment, Event.CONFIRMED, writer, Change())])
    if confirmed is None:
        raise JournalUnavailable("the payment changed while it was being confirmed")
    return confirmed[0]


def confirm(
    session: Runs, now: int, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
) -> Payment | None:
    """Confirm a payment that is unconfirmed; return it as it is then."""
    wish = confirming(now, worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer)
    return answered(session, wish)


def claim_due(
    session: Session,
    now: int,
    *,
    query: Query,
    world: str,
    writer: str,
    limit: int,
    hold_seconds: float,
    vault: Vault,
    seen: Mark | None,
) -> list[Claim]:
    """Take what is due; what can't be written stays at the head, and the next look goes past it."""
    if not living.may_be_claimed(session, now, seen=seen):
        return []
    keys.check_ring(session, vault)
    claims: list[Claim] = []
    left_out = 0
    while (wanted := limit - len(claims)) > 0:
        due = {"world": world, "now": now, "limit": left_out + wanted}
        found = session.execute(query, due).rows[left_out:]
        opened = [_unsealed(row, now, vault) for row in found]
        moves = [Moving(seen, *_claim_of(seen, writer, hold_seconds)) for seen, _ in opened]
        held = _claim(session, now, moves)
        claims += [
            Claim(payment, body)
            for payment, (_, body) in zip(held, opened, strict=True)
            if payment is not None
        ]
        left_out += held.count(None)
        if len(found) < wanted:
            break
    return claims


def _claim_of(seen: Payment, writer: str, hold_seconds: float) -> tuple[Event, str, Change]:
    event, change = writes.claim(seen, hold_seconds)
    return event, writer, change


def _claim(session: Session, now: int, moves: Sequence[Moving]) -> Sequence[Payment | None]:
    """Make the moves together; where that can't be, each by itself: None for one that can't."""
    together = tried(session, "all_claims", lambda: answered(session, _move_all(now, moves)))
    if together is not None:
        return together
    # Whoever changed the database against its constraints has made a row that can't be written.
    return [tried(session, "one_claim", partial(move, session, now)) for move in moves]


def _unsealed(row: Row, now: int, vault: Vault) -> tuple[Payment, bytes | None]:
    """Read a due row and open its text; what is damaged is left out, and then there is no text."""
    try:
        payment = rows.payment(row, now)
        return payment, vault.open(row["sealed_key"], row["sealed_body"], rows.name_of(payment))
    except Exception:  # noqa: BLE001  whatever is wrong with it, the rows behind it are owed too
        return rows.payment_in_part(row, now), None


def listing(session: Session, now: int, *, query: Query, values: dict[str, Any]) -> list[Payment]:
    """Read payments without their histories."""
    found = session.execute(query, values | {"now": now}).rows
    return [rows.payment_in_part(row, now) for row in found]


def page(session: Session, now: int, *, tid: str, merc_trx_no: str, limit: int) -> Page:
    """Read the payments that follow a number, or only whose they are where they can't be read."""
    after = {"tid": tid, "merc_trx_no": merc_trx_no, "limit": limit}
    return [rows.payment_or_number(row, now) for row in session.execute(Query.PAGE, after).rows]


def summary(session: Session, now: int, *, worlds: Collection[str]) -> Summary:
    """Count the payments."""
    by_state: dict[State, int] = {}
    of_other_worlds = 0
    for row in session.execute(Query.SUMMARY_STATES, {"worlds": json.dumps(list(worlds))}).rows:
        state = KNOWN_STATES.get(row["state"])
        if state is not None:
            by_state[state] = by_state.get(state, 0) + row["payments"]
        # A state of a newer netcancel: no worker of this one touches it, so it counts as foreign.
        if state is None or not (row["is_ours"] or state.is_final):
            of_other_worlds += row["payments"]
    in_doubt = session.execute(Query.SUMMARY_IN_DOUBT, {"now": now}).rows[0]
    refusals = session.execute(Query.SUMMARY_REFUSALS, {}).rows
    return Summary(
        by_state=by_state,
        in_doubt=in_doubt["payments"],
        oldest_in_doubt_seconds=max(0, in_doubt["oldest"]) / MICROSECONDS,
        of_other_worlds=of_other_worlds,
        refusals={row["refused"]: row["payments"] for row in refusals},
    )


def owed(session: Session, _now: int, *, worlds: Collection[str]) -> int:
    """Count the payments that are recovery's sooner or later."""
    counted = [session.execute(Query.COUNT_OWED, {"world": world}) for world in worlds]
    return sum(found.rows[0]["payments"] for found in counted)


def strangers(session: Session, _now: int) -> int:
    """Count the open payments in states that this code doesn't know."""
    counted = session.execute(Query.STRANGERS, {"states": json.dumps([*KNOWN_STATES])})
    count: int = counted.rows[0]["payments"]
    return count


def neglected(session: Session, now: int, *, worlds: Collection[str], due_seconds: float) -> int:
    """Count the open payments of other worlds that fell due so long ago."""
    values = {"worlds": json.dumps(list(worlds)), "due_before": writes.after(now, -due_seconds)}
    count: int = session.execute(Query.NEGLECTED, values).rows[0]["payments"]
    return count


def shred_keys(session: Session, now: int, *, keep_seconds: float, limit: int) -> int:
    """Destroy the keys of payments that have been final for so long."""
    values = {"closed_before": writes.after(now, -keep_seconds), "limit": limit}
    return session.execute(Query.SHRED_KEYS, values).written


def shred_texts(session: Session, _now: int) -> None:
    """Remove the texts whose keys are destroyed."""
    session.execute(Query.SHRED_ANSWERS, {})
    session.execute(Query.SHRED_BODIES, {})
