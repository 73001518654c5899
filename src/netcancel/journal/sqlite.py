"""The journal in one SQLite file: the embedded default, for any number of processes of one host.

SQLite ignores FOR UPDATE; what holds a claim together is BEGIN IMMEDIATE, which the writer gives to
every batch that writes, and the conditions of `move.sql`, whose effect on each row is checked.
"""

from __future__ import annotations

import json
import sqlite3
import time
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.lifecycle import CancelReason, Event, Resolution, State, is_move
from netcancel.core.payment import (
    MICROSECONDS,
    Change,
    Claim,
    Entry,
    Intent,
    Known,
    Opened,
    Payment,
    TooMany,
    Version,
)
from netcancel.errors import JournalUnavailable
from netcancel.journal import sqlite_file, sqlite_joined, writes
from netcancel.journal.contract import Summary
from netcancel.journal.statements import Statement, load
from netcancel.journal.vault import Digest, Sealed, Vault, row_name
from netcancel.journal.writer import Writer
from netcancel.kicc import ApprovalAnswer, Loss

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

    from netcancel.journal.sqlite_joined import Runs

OPEN_NEW: Final = load("open_new")
MOVE: Final = load("move")
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

KNOWN_STATES: Final = {state.value: state for state in State}
MAY_BE_ABSENT: Final = ("answer", "loss", "cancel_reason", "resolution")
KNOWN_EVENTS: Final = {event.value: event for event in Event}


class Session:
    """A connection to the file, and what its transactions need."""

    def __init__(self, connection: sqlite3.Connection, mode: str) -> None:
        self._connection = connection
        self._is_wal = mode == "wal"
        self._empties_log = False

    def execute(self, statement: Statement, values: dict[str, Any]) -> sqlite3.Cursor:
        """Run a statement with its named parameters."""
        return self._connection.execute(statement.text, statement.bind(values))

    def begin(self, *, writes: bool) -> None:
        """Begin a transaction; with `writes`, no other process may begin to write until its end."""
        if not writes:
            self._connection.execute("BEGIN")
            return
        # SQLite itself looks again ever more rarely, up to a tenth of a second apart: beside a
        # process that commits without a pause it would hardly ever find the file free.
        until = time.monotonic() + sqlite_file.BUSY_SECONDS
        self._connection.execute("PRAGMA busy_timeout=0")
        try:
            while not self._begins_to_write(is_last=time.monotonic() >= until):
                time.sleep(LOOK_SECONDS)
        finally:
            self._connection.execute(f"PRAGMA busy_timeout={sqlite_file.BUSY_SECONDS * 1000:.0f}")

    def _begins_to_write(self, *, is_last: bool) -> bool:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_last or error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                raise
            return False
        return True

    def commit(self) -> None:
        """Make the transaction durable."""
        self._connection.execute("COMMIT")
        if self._empties_log:
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._empties_log = False

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
        sealed = self._vault.seal(intent.net_cancel_body, _name_of(intent))
        digest = self._digest.of(intent.same_data)
        work = partial(
            _open_new, intent=intent, sealed=sealed, digest=digest, fits=self._digest.fits
        )
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
        work = partial(_move, seen=seen, event=event, writer=writer, change=change)
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


def _connect(path: Path, mode: str) -> Session:
    return Session(sqlite_file.connect(path, mode), mode)


def _tell(source: Future[Any], target: Future[int], result: int) -> None:
    error = source.exception()
    if error is None:
        target.set_result(result)
    else:
        target.set_exception(error)


def _open_new(
    session: Session,
    now: int,
    *,
    intent: Intent,
    sealed: Sealed,
    digest: bytes,
    fits: Callable[[bytes, bytes], bool],
) -> Opened | Known | TooMany:
    if intent.max_in_doubt is not None:
        if (known := _known(session, now, intent, fits)) is not None:
            return known
        world = {"world": intent.world, "now": now, "limit": intent.max_in_doubt}
        if session.execute(COUNT_IN_DOUBT, world).fetchone()[0] >= intent.max_in_doubt:
            return TooMany()
    payment = writes.opened(intent, now)
    sealing = {"same_data": digest, "sealed_key": sealed.key, "sealed_body": sealed.body}
    values = _columns(payment) | sealing | {"event": Event.INTENT_WRITTEN.value, "note": ""}
    if session.execute(OPEN_NEW, values).rowcount == 1:
        return Opened(payment)
    known = _known(session, now, intent, fits)
    if known is None:
        raise JournalUnavailable("the number was there, and then it was not")
    return known


def _known(
    session: Session, now: int, intent: Intent, fits: Callable[[bytes, bytes], bool]
) -> Known | None:
    number = {"tid": intent.tid, "merc_trx_no": intent.merc_trx_no}
    row = session.execute(FIND, number).fetchone()
    if row is None:
        return None
    is_same = row["world"] == intent.world and fits(intent.same_data, row["same_data"])
    return Known(_payment(row, now), is_same)


def _look(
    statement: Statement, values: dict[str, Any], session: Session, now: int
) -> Payment | None:
    row = session.execute(statement, values).fetchone()
    if row is None:
        return None
    lines = session.execute(HISTORY, {"seq": row["seq"]})
    history = tuple(entry for entry in map(_entry, lines) if entry is not None)
    return replace(_payment(row, now), history=history)


def _move(
    session: Runs, now: int, *, seen: Payment, event: Event, writer: str, change: Change
) -> Payment | None:
    payment = writes.moved(seen, event, writer, change, now)
    values = _columns(payment) | {
        "new_answer": None if change.answer is None else change.answer.to_json(),
        "event": event.value,
        "note": writes.line(change),
        "begins_debt": int(change.begins_debt),
        "refused": writes.refused_code(event, change),
        "seen_state": seen.state.value,
        "seen_count": seen.version.counter,
        "seen_writer": seen.version.writer,
    }
    if session.execute(MOVE, values).rowcount != 1:
        return None
    return payment if payment.answer is not None else _with_noted_answer(session, payment)


def _with_noted_answer(session: Runs, payment: Payment) -> Payment:
    """Return the proof too that was noted since the payment was seen, without a new version."""
    text = session.execute(READ, {"id": payment.id}).fetchone()["answer"]
    with suppress(ValueError):  # damaged: whoever reads the row is told, its claim has no body
        return payment if text is None else replace(payment, answer=ApprovalAnswer.from_json(text))
    return payment


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
    payment = _payment_in_part(row, now)
    change = writes.hand_over(payment, writer)
    if change is not None:
        event = Event.OWNER_GAVE_UP
        _move(session, now, seen=payment, event=event, writer=writer, change=change)


def _open_body(session: Session, now: int, *, payment_id: str, vault: Vault) -> bytes | None:
    row = session.execute(READ, {"id": payment_id}).fetchone()
    return None if row is None else _unsealed(row, now, vault)[1]


def _confirm(
    session: Runs, now: int, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
) -> Payment | None:
    row = session.execute(FIND, {"tid": tid, "merc_trx_no": merc_trx_no}).fetchone()
    if row is None or row["world"] not in worlds:
        return None
    payment = _payment(row, now)
    if not is_move(payment.state, Event.CONFIRMED):
        return payment
    confirmed = _move(
        session, now, seen=payment, event=Event.CONFIRMED, writer=writer, change=Change()
    )
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
            held = _move(session, now, seen=payment, event=event, writer=writer, change=change)
            if held is not None:
                claims.append(Claim(held, body))
    return claims


def _unsealed(row: sqlite3.Row, now: int, vault: Vault) -> tuple[Payment, bytes | None]:
    """Read a due row and open its text; what is damaged is left out, and then there is no text."""
    try:
        payment = _payment(row, now)
        return payment, vault.open(row["sealed_key"], row["sealed_body"], _name_of(payment))
    except Exception:  # noqa: BLE001  whatever is wrong with it, the rows behind it are owed too
        return _payment_in_part(row, now), None


def _list(
    statement: Statement, session: Session, now: int, *, states: str, limit: int
) -> list[Payment]:
    values = {"states": states, "limit": limit, "now": now}
    return [_payment_in_part(row, now) for row in session.execute(statement, values)]


def _page(session: Session, now: int, *, tid: str, merc_trx_no: str, limit: int) -> list[Payment]:
    after = {"tid": tid, "merc_trx_no": merc_trx_no, "limit": limit}
    return [_payment_in_part(row, now) for row in session.execute(PAGE, after)]


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


def _name_of(payment: Payment | Intent) -> bytes:
    return row_name(
        world=payment.world,
        tid=payment.tid,
        merc_trx_no=payment.merc_trx_no,
        payment_id=payment.id,
        schema=sqlite_file.SCHEMA,
    )


def _columns(payment: Payment) -> dict[str, Any]:
    """Return a payment as SQLite's plain types: adapting others costs more than the insert."""
    return {
        "id": payment.id,
        "world": payment.world,
        "tid": payment.tid,
        "svc_id": payment.svc_id,
        "bizr_no": payment.bizr_no,
        "merc_trx_no": payment.merc_trx_no,
        "alot_month": payment.alot_month,
        "state": payment.state.value,
        "version_count": payment.version.counter,
        "version_writer": payment.version.writer,
        "trx_amt": payment.trx_amt,
        "vat_amt": payment.vat_amt,
        "svc_amt": payment.svc_amt,
        "tran_dt": payment.tran_dt,
        "tran_tm": payment.tran_tm,
        "loss": None if payment.loss is None else payment.loss.value,
        "code": payment.code,
        "message": payment.message,
        "detail": payment.detail,
        "never_sent": int(payment.never_sent),
        "cancel_reason": payment.cancel_reason and payment.cancel_reason.value,
        "cancel_trx_no": payment.cancel_trx_no,
        "cancel_body": payment.cancel_body,
        "resolution": payment.resolution and payment.resolution.value,
        "attempts": payment.attempts,
        "is_held": int(payment.is_held),
        "due_at": payment.due_at,
        "owed_since": payment.owed_since,
        "settle_at": payment.settle_at,
        "alarmed": int(payment.alarmed),
        "created_at": payment.created_at,
        "updated_at": payment.updated_at,
    }


def _payment(row: sqlite3.Row | dict[str, Any], now: int) -> Payment:
    """Read a row; one of a newer netcancel, or damaged, raises `JournalUnavailable`."""
    try:
        answer, loss = row["answer"], row["loss"]
        reason, resolution = row["cancel_reason"], row["resolution"]
        return Payment(
            id=row["id"],
            world=row["world"],
            tid=row["tid"],
            svc_id=row["svc_id"],
            bizr_no=row["bizr_no"],
            merc_trx_no=row["merc_trx_no"],
            state=State(row["state"]),
            version=Version(row["version_count"], row["version_writer"]),
            last_event=KNOWN_EVENTS.get(row["event"]),
            alot_month=row["alot_month"],
            trx_amt=row["trx_amt"],
            vat_amt=row["vat_amt"],
            svc_amt=row["svc_amt"],
            tran_dt=row["tran_dt"],
            tran_tm=row["tran_tm"],
            answer=None if answer is None else ApprovalAnswer.from_json(answer),
            loss=None if loss is None else Loss(loss),
            code=row["code"],
            message=row["message"],
            detail=row["detail"],
            never_sent=bool(row["never_sent"]),
            cancel_reason=None if reason is None else CancelReason(reason),
            cancel_trx_no=row["cancel_trx_no"],
            cancel_body=row["cancel_body"],
            resolution=None if resolution is None else Resolution(resolution),
            attempts=row["attempts"],
            is_held=bool(row["is_held"]),
            due_at=row["due_at"],
            owed_since=row["owed_since"],
            settle_at=row["settle_at"],
            alarmed=bool(row["alarmed"]),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            read_at=now,
        )
    except ValueError:
        raise JournalUnavailable(
            f"payment {row['id']} can't be read by this version of netcancel: it is damaged, or"
            " of a newer one"
        ) from None


def _payment_in_part(row: sqlite3.Row, now: int) -> Payment:
    """Read a row, without what it need not have where a part of that can't be read."""
    try:
        return _payment(row, now)
    except JournalUnavailable:
        return _payment(dict(row) | dict.fromkeys(MAY_BE_ABSENT), now)


def _entry(row: sqlite3.Row) -> Entry | None:
    """Read a line of the history; None: of a newer netcancel."""
    try:
        return Entry(
            at=row["at"],
            version=Version(row["version_count"], row["version_writer"]),
            source=None if row["source"] is None else State(row["source"]),
            event=Event(row["event"]),
            target=State(row["target"]),
            note=row["note"],
        )
    except ValueError:
        return None
