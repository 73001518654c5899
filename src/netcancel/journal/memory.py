"""The journal in plain dictionaries: for tests and simulations; private to one guard.

Operations are done when they return. Nothing is sealed: nothing is at rest.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from netcancel.core.lifecycle import (
    RECOVERABLE,
    REFUSED_LATER,
    Event,
    State,
    is_move,
    target,
)
from netcancel.core.payment import (
    MICROSECONDS,
    Asked,
    Change,
    Claim,
    Entry,
    Intent,
    Known,
    Opened,
    Page,
    Payment,
    TooMany,
    Used,
)
from netcancel.errors import ConfigurationError
from netcancel.journal import writes
from netcancel.journal.contract import (
    Archivable,
    ArchivePlace,
    Fact,
    Health,
    JournalClosed,
    Rewrapped,
    Summary,
)
from netcancel.journal.memory_life import MemoryLife

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from netcancel.journal.contract import RewrapPlace
    from netcancel.journal.life import Hold, Mark, Presence, Worker

T = TypeVar("T")


@dataclass(slots=True)
class _Row:
    payment: Payment
    same_data: bytes = field(repr=False)
    body: bytes | None = field(repr=False)
    history: list[Entry]
    refused: str | None = None
    answers: dict[Asked, bytes] = field(default_factory=dict[Asked, bytes], repr=False)


class MemoryJournal:
    """Keeps payments in memory; see `contract.Journal`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._rows: dict[str, _Row] = {}
        self._numbers: dict[tuple[str, str], _Row] = {}
        self._used: dict[tuple[str, str], Used] = {}
        self._life = MemoryLife()
        self._lock = threading.Lock()
        self._is_closed = False

    def open_new(self, intent: Intent) -> Future[Opened | Known | Used | TooMany]:
        """Write an intent as `approving`, unless its number is used or too many are in doubt."""
        return self._do(lambda now: self._open_new(intent, now))

    def read(self, payment_id: str) -> Future[Payment | None]:
        """Return a payment with its history."""
        return self._do(lambda now: _with_history(self._rows.get(payment_id), now))

    def find(self, tid: str, merc_trx_no: str) -> Future[Payment | None]:
        """Return a payment by its number, with its history."""
        return self._do(lambda now: _with_history(self._numbers.get((tid, merc_trx_no)), now))

    def find_by_van_number(self, tid: str, van_trx_no: str) -> Future[Payment | None]:
        """Return the newest payment whose answer has this VAN number, with its history."""
        return self._do(lambda now: _with_history(self._of_van_number(tid, van_trx_no), now))

    def move_if_unchanged(
        self, seen: Payment, event: Event, writer: str, change: Change
    ) -> Future[Payment | None]:
        """Make the table's move if state and version are still as seen; None: nothing changed."""
        return self._do(lambda now: self._move(seen, event, writer, change, now))

    def note(self, seen: Payment, event: Event, writer: str, change: Change) -> Future[None]:
        """Add a line to the history; of the row only `answer` is written, where it is empty."""
        return self._do(lambda now: _note(self._rows[seen.id], event, writer, change, now))

    def hand_over_if_held(self, payment_id: str, writer: str) -> Future[None]:
        """Make due at once what `writer` wrote last and still owes."""
        return self._do(lambda now: self._hand_over(payment_id, writer, now))

    def open_body(self, payment_id: str) -> Future[bytes | None]:
        """Return the frozen body of a net-cancel."""
        return self._do(lambda _: row.body if (row := self._rows.get(payment_id)) else None)

    def open_answer(self, payment_id: str, asked: Asked) -> Future[bytes | None]:
        """Return an answer that a move kept."""
        return self._do(
            lambda _: row.answers.get(asked) if (row := self._rows.get(payment_id)) else None
        )

    def confirm_if_unconfirmed(
        self, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
    ) -> Future[Payment | None]:
        """Make an unconfirmed payment of these worlds approved; return it as it is then."""
        return self._do(lambda now: self._confirm(worlds, (tid, merc_trx_no), writer, now))

    def confirm_in(
        self,
        connection: object,  # noqa: ARG002  no other journal calls it otherwise
        **_: object,
    ) -> Payment | None:
        """Refuse: nobody else can have a transaction here."""
        raise ConfigurationError(
            "a journal in memory has no database that a connection could be to"
        )

    async def confirm_in_by_awaiting(self, connection: object, **wish: object) -> Payment | None:
        """Refuse likewise."""
        return self.confirm_in(connection, **wish)

    def claim_due(
        self,
        *,
        world: str,
        writer: str,
        limit: int,
        hold_seconds: float,
        newest_first: bool = False,
        seen: Mark | None = None,
    ) -> Future[list[Claim]]:
        """Take up to `limit` due payments of this world, longest due first, or the other way."""

        def claim(now: int) -> list[Claim]:
            if not self._life.may_be_claimed(seen):
                return []
            due = self._due(world, now)
            chosen = (due[::-1] if newest_first else due)[:limit]
            return self._claim(chosen, writer, hold_seconds, now)

        return self._do(claim)

    def list_payments(
        self, *, states: Iterable[State] | None = None, in_doubt: bool = False, limit: int = 1000
    ) -> Future[Sequence[Payment]]:
        """Return payments without history, newest first."""
        wanted = frozenset(State if states is None else states)
        return self._do(lambda now: self._list(wanted, in_doubt, limit, now))

    def page(self, *, after: tuple[str, str] | None, limit: int) -> Future[Page]:
        """Return payments of all worlds by (tid, merc_trx_no), those that follow `after`."""
        return self._do(lambda now: self._page(after, limit, now))

    def summary(self, *, worlds: Collection[str]) -> Future[Summary]:
        """Count the payments; those of all but `worlds` are others'."""
        return self._do(lambda now: self._summary(worlds, now))

    def health(self) -> Future[Health]:
        """Tell that nothing here lasts."""
        lasts = Fact("lasts", "as long as its process", "for good", "use a file or a server")
        return self._do(lambda now: Health(now, (lasts,), None))

    def shred_closed(self, *, keep_seconds: float, limit: int) -> Future[int]:
        """Forget the frozen bodies of payments that have been final for so long."""
        return self._do(lambda now: self._shred(writes.after(now, -keep_seconds), limit))

    def archivable(
        self, place: ArchivePlace, *, closed_seconds: float, limit: int
    ) -> Future[Archivable]:
        """Return up to `limit` payments that were closed so long ago and are shredded."""
        return self._do(lambda now: self._archivable(place, closed_seconds, limit, now))

    def archive(self, payments: Sequence[Payment]) -> Future[int]:
        """Delete payments with their histories, and keep their numbers as used."""
        return self._do(lambda now: sum(self._archive(payment, now) for payment in payments))

    def find_used(self, tid: str, merc_trx_no: str) -> Future[Used | None]:
        """Return what is kept of a number whose payment has left."""
        return self._do(lambda _: self._used.get((tid, merc_trx_no)))

    def vault_keys(self) -> Future[Sequence[str]]:
        """Say that nothing is sealed here."""
        return self._do(lambda _: ())

    def rewrap(
        self,
        place: RewrapPlace,  # noqa: ARG002  there is nothing to go through
        *,
        limit: int,  # noqa: ARG002  likewise
    ) -> Future[Rewrapped]:
        """Say that it is done."""
        return self._do(lambda _: Rewrapped(0, 0, None))

    def forget_vault_keys(self) -> Future[Sequence[str]]:
        """Say that there is none."""
        return self._do(lambda _: ())

    def owed(self, *, worlds: Collection[str]) -> Future[int]:
        """Count the payments of these worlds that are recovery's sooner or later."""
        return self._do(lambda _: self._owed(worlds))

    def strangers(self) -> Future[int]:
        """Say that nobody else writes here."""
        return self._do(lambda _: 0)

    def neglected(self, *, worlds: Collection[str], due_seconds: float) -> Future[int]:
        """Count the open payments of all but `worlds` that fell due so long ago."""
        return self._do(lambda now: self._neglected(worlds, writes.after(now, -due_seconds)))

    def check_in(
        self, worker: str, host: str, alive_seconds: float, remembered: Collection[Mark | None]
    ) -> Future[Presence]:
        """Say that a worker is there, and count the journal's mark up by one."""
        work = partial(
            self._life.check_in, worker, host, alive_seconds,
            remembered=remembered, is_empty=not self._rows,
        )  # fmt: skip
        return self._do(work)

    def check_out(self, worker: str) -> Future[None]:
        """Say that a worker ends."""
        return self._do(lambda _: self._life.check_out(worker))

    def workers(self) -> Future[Sequence[Worker]]:
        """Return who has checked in and not out, the longest there first."""
        return self._do(lambda _: self._life.workers())

    def hold(self) -> Future[Hold | None]:
        """Return the hold that stands."""
        return self._do(lambda _: self._life.hold)

    def hold_if_unheld(self, reason: str) -> Future[Hold]:
        """Have recovery claim nothing from now on; a hold that stands already stays as it is."""
        return self._do(lambda now: self._life.hold_if_unheld(reason, now))

    def release_hold(
        self,
        *,
        by: str,  # noqa: ARG002  nobody will ever ask who it was
        note: str,  # noqa: ARG002  likewise
    ) -> Future[Mark | None]:
        """End the hold that stands, and begin a new life of the journal."""
        return self._do(lambda _: self._life.release_hold())

    def close(self) -> None:
        """Refuse further calls."""
        self._is_closed = True

    def _do(self, work: Callable[[int], T]) -> Future[T]:
        future: Future[T] = Future()
        with self._lock:
            try:
                if self._is_closed:
                    raise JournalClosed("the journal is closed")  # noqa: TRY301  one way out
                future.set_result(work(round(self._clock() * MICROSECONDS)))
            except Exception as error:  # noqa: BLE001  the future carries it, as any journal's does
                future.set_exception(error)
        return future

    def _open_new(self, intent: Intent, now: int) -> Opened | Known | Used | TooMany:
        number = intent.tid, intent.merc_trx_no
        if (known := self._numbers.get(number)) is not None:
            seen = replace(known.payment, read_at=now)
            is_same = seen.world == intent.world and known.same_data == intent.same_data
            return Known(seen, is_same)
        if (used := self._used.get(number)) is not None:
            return used
        if intent.max_in_doubt is not None and self._is_full(intent, intent.max_in_doubt, now):
            return TooMany()
        payment = writes.opened(intent, now)
        first = Entry(now, payment.version, None, Event.INTENT_WRITTEN, payment.state, "")
        row = _Row(payment, intent.same_data, intent.net_cancel_body, [first])
        self._rows[intent.id] = self._numbers[number] = row
        return Opened(payment)

    def _is_full(self, intent: Intent, limit: int, now: int) -> bool:
        payments = (replace(row.payment, read_at=now) for row in self._rows.values())
        ours = sum(payment.in_doubt and payment.world == intent.world for payment in payments)
        return ours >= limit

    def _move(
        self, seen: Payment, event: Event, writer: str, change: Change, now: int
    ) -> Payment | None:
        target(seen.state, event)
        row = self._rows.get(seen.id)
        if row is None or (row.payment.state, row.payment.version) != (seen.state, seen.version):
            return None
        old = row.payment
        row.payment = writes.moved(old, event, writer, change, now)
        if change.begins_debt:
            row.refused = None
        row.refused = writes.refused_code(event, change) or row.refused
        if (kept := change.kept_answer) is not None:
            row.answers[kept.asked] = kept.body
        version, new = row.payment.version, row.payment.state
        row.history.append(Entry(now, version, old.state, event, new, writes.line(change)))
        return row.payment

    def _of_van_number(self, tid: str, van_trx_no: str) -> _Row | None:
        for row in reversed(self._rows.values()):
            answer = row.payment.answer
            if row.payment.tid == tid and answer is not None and answer.van_trx_no == van_trx_no:
                return row
        return None

    def _hand_over(self, payment_id: str, writer: str, now: int) -> None:
        row = self._rows.get(payment_id)
        change = None if row is None else writes.hand_over(row.payment, writer)
        if row is not None and change is not None:
            self._move(row.payment, Event.OWNER_GAVE_UP, writer, change, now)

    def _due(self, world: str, now: int) -> list[_Row]:
        due = sorted(
            (due_at, place, row)
            for place, row in enumerate(self._rows.values())
            if (due_at := row.payment.due_at) is not None
            and due_at <= now
            and row.payment.world == world
            and row.payment.state in RECOVERABLE
        )
        return [row for _, _, row in due]

    def _claim(self, rows: list[_Row], writer: str, hold_seconds: float, now: int) -> list[Claim]:
        claims: list[Claim] = []
        for row in rows:
            event, change = writes.claim(row.payment, hold_seconds)
            held = self._move(row.payment, event, writer, change, now)
            if held is not None:
                claims.append(Claim(held, row.body))
        return claims

    def _list(
        self,
        states: frozenset[State],
        in_doubt: bool,  # noqa: FBT001  as its caller got it
        limit: int,
        now: int,
    ) -> list[Payment]:
        payments = (replace(row.payment, read_at=now) for row in reversed(self._rows.values()))
        wanted = (
            payment
            for payment in payments
            if payment.state in states and (payment.in_doubt or not in_doubt)
        )
        return [payment for payment, _ in zip(wanted, range(limit), strict=False)]

    def _confirm(
        self, worlds: Collection[str], number: tuple[str, str], writer: str, now: int
    ) -> Payment | None:
        row = self._numbers.get(number)
        if row is None or row.payment.world not in worlds:
            return None
        if is_move(row.payment.state, Event.CONFIRMED):
            self._move(row.payment, Event.CONFIRMED, writer, Change(), now)
        return replace(row.payment, read_at=now)

    def _page(self, after: tuple[str, str] | None, limit: int, now: int) -> list[Payment]:
        numbers = sorted(number for number in self._numbers if after is None or number > after)
        return [replace(self._numbers[number].payment, read_at=now) for number in numbers[:limit]]

    def _neglected(self, worlds: Collection[str], due_before: int) -> int:
        payments = (row.payment for row in self._rows.values())
        return sum(
            payment.due_at is not None
            and payment.due_at <= due_before
            and payment.world not in worlds
            for payment in payments
        )

    def _summary(self, worlds: Collection[str], now: int) -> Summary:
        payments = [replace(row.payment, read_at=now) for row in self._rows.values()]
        since = [
            payment.owed_since if payment.owed_since is not None else payment.due_at or now
            for payment in payments
            if payment.in_doubt
        ]
        return Summary(
            by_state=dict(Counter(payment.state for payment in payments)),
            in_doubt=len(since),
            oldest_in_doubt_seconds=max(0, now - min(since, default=now)) / MICROSECONDS,
            of_other_worlds=sum(
                payment.world not in worlds and not payment.state.is_final for payment in payments
            ),
            refusals=dict(
                Counter(
                    row.refused
                    for row in self._rows.values()
                    if row.refused is not None and row.payment.state in REFUSED_LATER
                )
            ),
        )

    def _owed(self, worlds: Collection[str]) -> int:
        payments = (row.payment for row in self._rows.values())
        return sum(each.world in worlds and each.state in RECOVERABLE for each in payments)

    def _archivable(
        self, place: ArchivePlace, closed_seconds: float, limit: int, now: int
    ) -> Archivable:
        closed_before = writes.after(now, -closed_seconds)
        found = sorted(
            (row.payment.updated_at, row.payment.id)
            for row in self._rows.values()
            if _may_leave(row) and row.payment.updated_at <= closed_before
        )
        behind = [each for each in found if each > (place.closed_at, place.payment_id)][:limit]
        payments = [_with_history(self._rows[payment_id], now) for _, payment_id in behind]
        then = ArchivePlace(*behind[-1]) if behind else None
        return Archivable([each for each in payments if each is not None], 0, then)

    def _archive(self, seen: Payment, now: int) -> bool:
        row = self._rows.get(seen.id)
        if row is None or not _may_leave(row) or tuple(row.history) != seen.history:
            return False
        number = seen.tid, seen.merc_trx_no
        del self._rows[seen.id], self._numbers[number]
        self._used[number] = Used(row.payment.state.value, row.payment.updated_at, now)
        return True

    def _shred(self, closed_before: int, limit: int) -> int:
        closed = [
            row
            for row in self._rows.values()
            if row.body is not None
            and row.payment.state.is_final
            and row.payment.updated_at <= closed_before
        ]
        closed.sort(key=lambda row: row.payment.updated_at)
        for row in closed[:limit]:
            row.body = None
            row.answers.clear()
        return len(closed[:limit])


def _may_leave(row: _Row) -> bool:
    return row.body is None and row.payment.state.is_final


def _with_history(row: _Row | None, now: int) -> Payment | None:
    if row is None:
        return None
    return replace(row.payment, read_at=now, history=tuple(row.history))


def _note(row: _Row, event: Event, writer: str, change: Change, now: int) -> None:
    payment = row.payment
    text = writes.noted_line(change, writer)
    row.history.append(Entry(now, payment.version, payment.state, event, payment.state, text))
    if payment.answer is None and change.answer is not None:
        row.payment = replace(payment, answer=change.answer)
