"""The journal in one SQLite file: the embedded default, for any number of processes of one host.

SQLite ignores FOR UPDATE; what holds a claim together is BEGIN IMMEDIATE, which the writer gives to
every batch that writes, and the conditions of `move.sql`, whose effect on each row is checked.
"""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.lifecycle import Event, State, is_move
from netcancel.core.payment import (
    MICROSECONDS,
    Change,
    Claim,
    Intent,
    Known,
    Opened,
    Payment,
    TooMany,
)
from netcancel.errors import JournalUnavailable
from netcancel.journal import sqlite_file, sqlite_joined, sqlite_rows, writes
from netcancel.journal.contract import Summary
from netcancel.journal.statements import RowsStatement, Statement, load, load_rows
from netcancel.journal.writer import Writer
from netcancel.kicc import ApprovalAnswer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from netcancel.journal.sqlite_joined import Runs
    from netcancel.journal.vault import Digest, Sealed, Vault
    from netcancel.journal.writer import Work

OPEN_NEW: Final = load_rows("open_new")
MOVE: Final = load_rows("move")
NOTED_ANSWERS: Final = load_rows("noted_answers")
NOTE: Final = load("note")
NOTE_ANSWER: Final = load("note_answer")
READ: Final = load("read")
FIND: Final = load("find")
HISTORY: Final = load("history")
DUE: Final = load("due")
COUNT_IN_DOUBT: Final = load("count_in_doubt")
PAGE: Final = load("page")
LIST: Final = load("list")
LIST_IN_DOUBT: Final = load("list_in_doubt")
SUMMARY_STATES: Final = load("summary_states")
SUMMARY_IN_DOUBT: Final = load("summary_in_doubt")
SUMMARY_REFUSALS: Final = load("summary_refusals")
SHRED_KEYS: Final = load("shred_keys")
SHRED_BODIES: Final = load("shred_bodies")

LOOK_SECONDS: Final = 0.001
"""How soon to look again whether another process is done; a commit takes some of these."""

PRIMARY_CODE: Final = 0xFF
"""What SQLite adds above this only says more of the same trouble."""

KNOWN_STATES: Final = {state.value: state for state in State}


class Session:
    """A connection to the file, and what its transactions need."""

    def __init__(self, connection: sqlite3.Connection, mode: str) -> None:
        self._connection = connection
        self._is_wal = mode == "wal"
        self._empties_log = False
        _wait_by_itself(connection, 0.0)

    def execute(self, statement: Statement, *rows: Mapping[str, Any]) -> sqlite3.Cursor:
        """Run a statement with its named parameters."""
        return self._connection.execute(statement.text, statement.bind(*rows))

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction; with `writes`, no other process may begin to write until its end."""
        if writes:
            self._insist("BEGIN IMMEDIATE")
        else:
            self._connection.execute("BEGIN")
            self._insist("PRAGMA user_version")  # the lock is taken with the first reading

    def perform(self, works: Sequence[Work[Session, Any]], now: int) -> list[Any]:
        """Do a batch's works, as if one after the other."""
        if sum(map(_is_for_many, works)) > 1:
            results = _together(self, works, now)
            if results is not None:
                return results
            # Others may write in between, after `now`: a time that is old only shortens a lease.
            self.roll_back()
            self.begin(writes=True)
        return [work(self, now) for work in works]

    def commit(self) -> None:
        """Make the transaction durable."""
        self._insist("COMMIT")
        if self._empties_log:
            _wait_by_itself(self._connection, sqlite_file.BUSY_SECONDS)
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            _wait_by_itself(self._connection, 0.0)
            self._empties_log = False

    def _insist(self, statement: str) -> None:
        """Execute a statement, again and again while another process is in the way.

        SQLite itself looks again ever more rarely, up to a tenth of a second apart: beside a
        process that commits without a pause it would hardly ever find the file free.
        """
        until = time.monotonic() + sqlite_file.BUSY_SECONDS
        while True:
            try:
                self._connection.execute(statement)
            except sqlite3.OperationalError as error:
                is_busy = error.sqlite_errorcode & PRIMARY_CODE == sqlite3.SQLITE_BUSY
                if not is_busy or time.monotonic() >= until:
                    raise
                time.sleep(LOOK_SECONDS)
            else:
                return

    def roll_back(self) -> None:
        """Undo the transaction, if SQLite has not done so by itself."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    def is_trouble(self, error: Exception) -> bool:
        """Whether the file or the disk is at fault; a broken constraint is a bug of ours."""
        bugs = (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.DataError)
        return isinstance(error, sqlite3.DatabaseError) and not isinstance(error, bugs)

    def empty_log(self) -> None:
        """Have the write-ahead log emptied after the commit: it holds what was overwritten."""
        self._empties_log = self._is_wal


class SqliteJournal:
    """Keeps payments in a SQLite file; see `contract.Journal`."""

    def __init__(
        self, path: Path, vault: Vault, digest: Digest, clock: Callable[[], float], mode: str
    ) -> None:
        self._path = path
        self._vault = vault
        self._digest = digest
        self._clock = clock
        connect = partial(_connect, path, mode)
        self._writer: Writer[Session] = Writer(connect, clock)

    def open_new(self, intent: Intent) -> Future[Opened | Known | TooMany]:
        """Write an intent as `approving`, unless its number is there or too many are in doubt."""
        # Sealed here, by the caller's thread: the writer's time is everybody's.
        sealed = self._vault.seal(intent.net_cancel_body, sqlite_rows.name_of(intent))
        digest = self._digest.of(intent.same_data)
        work = _Opening(intent, sealed, digest, self._digest.fits)
        return self._writer.submit(work, writes=True)

    def read(self, payment_id: str) -> Future[Payment | None]:
        """Return a payment with its history."""
        return self._writer.submit(partial(_look, READ, {"id": payment_id}), writes=False)

    def find(self, tid: str, merc_trx_no: str) -> Future[Payment | None]:
        """Return a payment by its number, with its history."""
        number = {"tid": tid, "merc_trx_no": merc_trx_no}
        return self._writer.submit(partial(_look, FIND, number), writes=False)

    def move_if_unchanged(
        self, seen: Payment, event: Event, writer: str, change: Change
    ) -> Future[Payment | None]:
        """Make the table's move if state and version are still as seen; None: nothing changed."""
        work = _Moving(seen, event, writer, change)
        return self._writer.submit(work, writes=True)

    def note(self, seen: Payment, event: Event, writer: str, change: Change) -> Future[None]:
        """Add a line to the history; of the row only `answer` is written, where it is empty."""
        work = partial(_note, payment_id=seen.id, event=event, writer=writer, change=change)
        return self._writer.submit(work, writes=True)

    def hand_over_if_held(self, payment_id: str, writer: str) -> Future[None]:
        """Make due at once what `writer` wrote last and still owes."""
        return self._writer.submit(
            partial(_hand_over, payment_id=payment_id, writer=writer), writes=True
        )

    def open_body(self, payment_id: str) -> Future[bytes | None]:
        """Open the frozen body of a net-cancel; None: shredded, damaged or not there."""
        work = partial(_open_body, payment_id=payment_id, vault=self._vault)
        return self._writer.submit(work, writes=False)

    def confirm_if_unconfirmed(
        self, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
    ) -> Future[Payment | None]:
        """Make an unconfirmed payment of these worlds approved; return it as it is then."""
        work = partial(_confirm, worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer)
        return self._writer.submit(work, writes=True)

    def confirm_in(
        self,
        connection: object,
        *,
        worlds: Collection[str],
        tid: str,
        merc_trx_no: str,
        writer: str,
    ) -> Payment | None:
        """Do the same in the caller's open transaction, which commits it or rolls it back."""
        session = sqlite_joined.join(connection, self._path)
        now = round(self._clock() * MICROSECONDS)
        return _confirm(
            session, now, worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer
        )

    def claim_due(
        self, *, world: str, writer: str, limit: int, hold_seconds: float
    ) -> Future[list[Claim]]:
        """Take up to `limit` due payments of this world, longest due first."""
        work = partial(
            _claim_due,
            world=world,
            writer=writer,
            limit=limit,
            hold_seconds=hold_seconds,
            vault=self._vault,
        )
        return self._writer.submit(work, writes=True)

    def list_payments(
        self, *, states: Iterable[State] | None = None, in_doubt: bool = False, limit: int = 1000
    ) -> Future[Sequence[Payment]]:
        """Return payments without history, newest first."""
        names = json.dumps([state.value for state in (State if states is None else states)])
        statement = LIST_IN_DOUBT if in_doubt else LIST
        work = partial(_list, statement, states=names, limit=limit)
        return self._writer.submit(work, writes=False)

    def page(self, *, after: tuple[str, str] | None, limit: int) -> Future[Sequence[Payment]]:
        """Return payments of all worlds by (tid, merc_trx_no), those that follow `after`."""
        tid, merc_trx_no = after or ("", "")
        work = partial(_page, tid=tid, merc_trx_no=merc_trx_no, limit=limit)
        return self._writer.submit(work, writes=False)

    def summary(self, *, worlds: Collection[str]) -> Future[Summary]:
        """Count the payments; those of all but `worlds` are others'."""
        return self._writer.submit(partial(_summary, worlds=worlds), writes=False)

    def shred_closed(self, *, keep_seconds: float, limit: int) -> Future[int]:
        """Destroy the sealed data of payments that have been final for so long.

        First the keys, durably, then the texts: whenever the machine dies, no text is left that
        could be opened.
        """
        done: Future[int] = Future()
        done.set_running_or_notify_cancel()

        def then(keys: Future[int]) -> None:
            if (error := keys.exception()) is not None:
                done.set_exception(error)
                return
            bodies = self._writer.submit(_shred_bodies, writes=True)
            bodies.add_done_callback(lambda _: _tell(bodies, done, keys.result()))

        work = partial(_shred_keys, keep_seconds=keep_seconds, limit=limit)
        self._writer.submit(work, writes=True).add_done_callback(then)
        return done

    def close(self) -> None:
        """Finish what was handed over, then release the file."""
        self._writer.close()


def open_sqlite(
    path: Path, vault: Vault, clock: Callable[[], float], *, create: bool, mode: str | None = None
) -> SqliteJournal:
    """Open the journal in a file; `mode` is the journal mode, chosen by SQLite's version if None.

    Raises `ConfigurationError` for a file that can't or must not be used.
    """
    mode = mode or sqlite_file.journal_mode(sqlite3.sqlite_version_info)
    secret = sqlite_file.prepare(path, vault, create=create, mode=mode)
    return SqliteJournal(path, vault, vault.digest_by(secret), clock, mode)


def _wait_by_itself(connection: sqlite3.Connection, seconds: float) -> None:
    """Have SQLite itself wait so long where another process is in the way."""
    connection.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")


def _connect(path: Path, mode: str) -> Session:
    return Session(sqlite_file.connect(path, mode), mode)


def _tell(source: Future[Any], target: Future[int], result: int) -> None:
    error = source.exception()
    if error is None:
        target.set_result(result)
    else:
        target.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Opening:
    """Writes an intent as `approving`."""

    intent: Intent
    sealed: Sealed
    digest: bytes
    fits: Callable[[bytes, bytes], bool]

    def __call__(self, session: Session, now: int) -> Opened | Known | TooMany:
        if not _is_room(session, now, [self.intent], writes=1):
            return self._known(session, now) or TooMany()
        opened = _open_all(session, now, [self])
        if opened is not None:
            return opened[0]
        known = self._known(session, now)
        if known is None:
            raise JournalUnavailable("the number was there, and then it was not")
        return known

    def values(self, payment: Payment) -> dict[str, Any]:
        """Return the row of OPEN_NEW."""
        sealing = {
            "same_data": self.digest,
            "sealed_key": self.sealed.key,
            "sealed_body": self.sealed.body,
        }
        return (
            sqlite_rows.columns(payment)
            | sealing
            | {"event": Event.INTENT_WRITTEN.value, "note": ""}
        )

    def _known(self, session: Session, now: int) -> Known | None:
        number = {"tid": self.intent.tid, "merc_trx_no": self.intent.merc_trx_no}
        row = session.execute(FIND, number).fetchone()
        if row is None:
            return None
        is_of_world = row["world"] == self.intent.world
        is_same = is_of_world and self.fits(self.intent.same_data, row["same_data"])
        return Known(sqlite_rows.payment(row, now), is_same)


@dataclass(frozen=True, slots=True)
class _Moving:
    """Makes one of the table's moves."""

    seen: Payment
    event: Event
    writer: str
    change: Change

    def __call__(self, session: Runs, now: int) -> Payment | None:
        moved = _move_all(session, now, [self])
        return None if moved is None else moved[0]

    def values(self, payment: Payment) -> dict[str, Any]:
        """Return the row of MOVE."""
        return sqlite_rows.columns(payment) | {
            "new_answer": None if self.change.answer is None else self.change.answer.to_json(),
            "event": self.event.value,
            "note": writes.line(self.change),
            "begins_debt": int(self.change.begins_debt),
            "refused": writes.refused_code(self.event, self.change),
            "seen_state": self.seen.state.value,
            "seen_count": self.seen.version.counter,
            "seen_writer": self.seen.version.writer,
        }


def _is_for_many(work: Work[Session, Any]) -> bool:
    return isinstance(work, _Opening | _Moving)


def _together(session: Session, works: Sequence[Work[Session, Any]], now: int) -> list[Any] | None:
    """Do works; openings and moves that are neighbours, by one statement for each kind.

    With each statement, SQLite gives up the interpreter's lock, and has to win it back.
    None, with some of it done, where it is not as if one after the other: a number was used, a
    payment was moved, by a neighbour perhaps, or too many could be in doubt. Where nothing of that
    happens, neighbours touch different payments, and their order makes no difference.
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
    session: Session, now: int, works: Sequence[Work[Session, Any]]
) -> list[Opened | Payment] | None:
    openings = [work for work in works if isinstance(work, _Opening)]
    moves = [work for work in works if isinstance(work, _Moving)]
    if not _is_room(session, now, [work.intent for work in openings], writes=len(works)):
        return None
    opened, moved = _open_all(session, now, openings), _move_all(session, now, moves)
    if opened is None or moved is None:
        return None
    left, right = iter(opened), iter(moved)
    return [next(left) if isinstance(work, _Opening) else next(right) for work in works]


def _is_room(session: Session, now: int, intents: Sequence[Intent], *, writes: int) -> bool:
    """Whether no intent's limit of payments in doubt is reached, even if each write adds one."""
    limits: dict[str, int] = {}
    for intent in intents:
        if intent.max_in_doubt is not None:
            limits[intent.world] = min(intent.max_in_doubt, limits.get(intent.world, sys.maxsize))
    for world, limit in limits.items():
        counted = {"world": world, "now": now, "limit": limit}
        if session.execute(COUNT_IN_DOUBT, counted).fetchone()[0] + writes > limit:
            return False
    return True


def _open_all(session: Session, now: int, openings: Sequence[_Opening]) -> list[Opened] | None:
    """Write intents; None: not all are written, for a number was used."""
    payments = [writes.opened(opening.intent, now) for opening in openings]
    values = [opening.values(payment) for opening, payment in zip(openings, payments, strict=True)]
    written = _count_written(session, OPEN_NEW, values)
    return [Opened(payment) for payment in payments] if written == len(openings) else None


def _move_all(session: Runs, now: int, moves: Sequence[_Moving]) -> list[Payment] | None:
    """Make moves; None: not all are made, for a payment is not as it was seen."""
    payments = [writes.moved(m.seen, m.event, m.writer, m.change, now) for m in moves]
    values = [move.values(payment) for move, payment in zip(moves, payments, strict=True)]
    moved = _count_written(session, MOVE, values)
    return _with_noted_answers(session, payments) if moved == len(moves) else None


def _count_written(
    session: Runs, statement: RowsStatement, values: Sequence[Mapping[str, Any]]
) -> int:
    return sum(session.execute(part, *some).rowcount for part, some in statement.parts(values))


def _with_noted_answers(session: Runs, payments: list[Payment]) -> list[Payment]:
    """Return the proofs too that were noted since payments were seen, without a new version."""
    unproven = [{"id": payment.id} for payment in payments if payment.answer is None]
    noted: dict[str, ApprovalAnswer] = {}
    for statement, some in NOTED_ANSWERS.parts(unproven):
        for row in session.execute(statement, *some):
            with suppress(ValueError):  # damaged: whoever reads the row is told
                noted[row["id"]] = ApprovalAnswer.from_json(row["answer"])
    return [
        replace(payment, answer=noted[payment.id]) if payment.id in noted else payment
        for payment in payments
    ]


def _look(
    statement: Statement, values: dict[str, Any], session: Session, now: int
) -> Payment | None:
    row = session.execute(statement, values).fetchone()
    if row is None:
        return None
    lines = session.execute(HISTORY, {"seq": row["seq"]})
    history = tuple(entry for entry in map(sqlite_rows.entry, lines) if entry is not None)
    return replace(sqlite_rows.payment(row, now), history=history)


def _note(
    session: Session, now: int, *, payment_id: str, event: Event, writer: str, change: Change
) -> None:
    note = writes.noted_line(change, writer)
    values = {"id": payment_id, "event": event.value, "note": note, "now": now}
    if session.execute(NOTE, values).rowcount != 1:
        raise JournalUnavailable("the payment is not in the journal any more")
    if change.answer is not None:
        session.execute(NOTE_ANSWER, {"id": payment_id, "answer": change.answer.to_json()})


def _hand_over(session: Session, now: int, *, payment_id: str, writer: str) -> None:
    row = session.execute(READ, {"id": payment_id}).fetchone()
    if row is None:
        return
    payment = sqlite_rows.payment_in_part(row, now)
    change = writes.hand_over(payment, writer)
    if change is not None:
        _Moving(payment, Event.OWNER_GAVE_UP, writer, change)(session, now)


def _open_body(session: Session, now: int, *, payment_id: str, vault: Vault) -> bytes | None:
    row = session.execute(READ, {"id": payment_id}).fetchone()
    return None if row is None else _unsealed(row, now, vault)[1]


def _confirm(
    session: Runs, now: int, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
) -> Payment | None:
    row = session.execute(FIND, {"tid": tid, "merc_trx_no": merc_trx_no}).fetchone()
    if row is None or row["world"] not in worlds:
        return None
    payment = sqlite_rows.payment(row, now)
    if not is_move(payment.state, Event.CONFIRMED):
        return payment
    confirmed = _Moving(payment, Event.CONFIRMED, writer, Change())(session, now)
    if confirmed is None:
        raise JournalUnavailable("the payment changed while it was being confirmed")
    return confirmed


def _claim_due(
    session: Session,
    now: int,
    *,
    world: str,
    writer: str,
    limit: int,
    hold_seconds: float,
    vault: Vault,
) -> list[Claim]:
    due = {"world": world, "now": now, "limit": limit}
    claims: list[Claim] = []
    for row in session.execute(DUE, due).fetchall():
        payment, body = _unsealed(row, now, vault)
        event, change = writes.claim(payment, hold_seconds)
        # Whoever changed the file against its constraints has made a row that can't be written.
        with suppress(sqlite3.IntegrityError):
            held = _Moving(payment, event, writer, change)(session, now)
            if held is not None:
                claims.append(Claim(held, body))
    return claims


def _unsealed(row: sqlite3.Row, now: int, vault: Vault) -> tuple[Payment, bytes | None]:
    """Read a due row and open its text; what is damaged is left out, and then there is no text."""
    try:
        payment = sqlite_rows.payment(row, now)
        return payment, vault.open(
            row["sealed_key"], row["sealed_body"], sqlite_rows.name_of(payment)
        )
    except Exception:  # noqa: BLE001  whatever is wrong with it, the rows behind it are owed too
        return sqlite_rows.payment_in_part(row, now), None


def _list(
    statement: Statement, session: Session, now: int, *, states: str, limit: int
) -> list[Payment]:
    values = {"states": states, "limit": limit, "now": now}
    return [sqlite_rows.payment_in_part(row, now) for row in session.execute(statement, values)]


def _page(session: Session, now: int, *, tid: str, merc_trx_no: str, limit: int) -> list[Payment]:
    after = {"tid": tid, "merc_trx_no": merc_trx_no, "limit": limit}
    return [sqlite_rows.payment_in_part(row, now) for row in session.execute(PAGE, after)]


def _summary(session: Session, now: int, *, worlds: Collection[str]) -> Summary:
    by_state: dict[State, int] = {}
    of_other_worlds = 0
    for row in session.execute(SUMMARY_STATES, {"worlds": json.dumps(list(worlds))}):
        state = KNOWN_STATES.get(row["state"])
        if state is not None:
            by_state[state] = by_state.get(state, 0) + row["payments"]
        # A state of a newer netcancel: no worker of this one touches it, so it counts as foreign.
        if state is None or not (row["is_ours"] or state.is_final):
            of_other_worlds += row["payments"]
    in_doubt = session.execute(SUMMARY_IN_DOUBT, {"now": now}).fetchone()
    refusals = session.execute(SUMMARY_REFUSALS, {}).fetchall()
    return Summary(
        by_state=by_state,
        in_doubt=in_doubt["payments"],
        oldest_in_doubt_seconds=max(0, in_doubt["oldest"]) / MICROSECONDS,
        of_other_worlds=of_other_worlds,
        refusals={row["refused"]: row["payments"] for row in refusals},
    )


def _shred_keys(session: Session, now: int, *, keep_seconds: float, limit: int) -> int:
    values = {"closed_before": writes.after(now, -keep_seconds), "limit": limit}
    return session.execute(SHRED_KEYS, values).rowcount


def _shred_bodies(session: Session, _now: int) -> None:
    session.execute(SHRED_BODIES, {})
    session.empty_log()
