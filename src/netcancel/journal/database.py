"""The journal over any database: operations are handed to a writer and done in its sessions."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS
from netcancel.futures import SturdyFuture
from netcancel.journal import batch, keys, life, living, operations, retention, rows, writer
from netcancel.journal.operations import Moving, MovingAndKeeping, Opening
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from netcancel.core.lifecycle import Event
    from netcancel.core.payment import (
        Asked,
        Change,
        Claim,
        Intent,
        Known,
        Opened,
        Page,
        Payment,
        TooMany,
        Used,
    )
    from netcancel.journal.batch import Work
    from netcancel.journal.contract import (
        Archivable,
        ArchivePlace,
        Health,
        Rewrapped,
        RewrapPlace,
        Summary,
    )
    from netcancel.journal.life import Hold, Mark, Presence, Worker
    from netcancel.journal.operations import Answer, Runs
    from netcancel.journal.vault import Digest, Vault


def now_by(clock: Callable[[], float]) -> int:
    """Return the time that a clock tells in seconds, in whole microseconds."""
    return round(clock() * MICROSECONDS)


class Session(batch.Session, operations.Session, Protocol):
    """A writer's session in which operations can be done."""

    def perform(self, works: Sequence[Work[Any, Any]], now: int) -> Sequence[Any]:
        """Do works and return their results, all as if they were done one after the other."""

    def health(self, now: int) -> Health:
        """Read back, within a transaction, what is in force in this session."""


class Joined(NamedTuple):
    """A caller's own transaction, and the journal's time in it."""

    session: Runs
    now: int


class JoinedByAwaiting(NamedTuple):
    """The same, of a connection that must be awaited."""

    execute: Callable[[Query, Sequence[Mapping[str, Any]]], Awaitable[Answer]]
    now: int


class Database(Protocol):
    """Where the rows are: how it is reached, and how a caller's transaction is joined."""

    def connect(self) -> Session:
        """Open a session; what it raises makes the journal unavailable."""

    def join(self, connection: object) -> AbstractContextManager[Joined]:
        """Join the transaction of a caller's connection to this database, for one operation.

        It is begun where its driver would begin it. Raises `ConfigurationError` for a connection to
        anything else, one without transaction, and one that must be awaited.
        """

    async def join_by_awaiting(self, connection: object) -> JoinedByAwaiting | None:
        """Do the same; None: the connection need not be awaited."""


class DatabaseJournal:
    """Keeps payments in a database; see `contract.Journal`."""

    def __init__(self, database: Database, vault: Vault, digest: Digest) -> None:
        self._database = database
        self._vault = vault
        self._digest = digest
        self._writer: writer.Writer[Session] = writer.Writer(database.connect)

    def open_new(self, intent: Intent) -> Future[Opened | Known | Used | TooMany]:
        """Write an intent as `approving`, unless its number is used or too many are in doubt."""
        # Sealed here, by the caller's thread: the writer's time is everybody's.
        sealed = self._vault.seal(intent.net_cancel_body, rows.name_of(intent))
        digest = self._digest.of(intent.same_data)
        work = Opening(intent, sealed, digest, self._digest.fits)
        return self._writer.submit(work, writes=True)

    def read(self, payment_id: str) -> Future[Payment | None]:
        """Return a payment with its history."""
        return self._look(Query.READ, id=payment_id)

    def find(self, tid: str, merc_trx_no: str) -> Future[Payment | None]:
        """Return a payment by its number, with its history."""
        return self._look(Query.FIND, tid=tid, merc_trx_no=merc_trx_no)

    def find_by_van_number(self, tid: str, van_trx_no: str) -> Future[Payment | None]:
        """Return the newest payment whose answer has this VAN number, with its history."""
        return self._look(Query.FIND_BY_VAN_NUMBER, tid=tid, van_trx_no=van_trx_no)

    def move_if_unchanged(
        self, seen: Payment, event: Event, writer: str, change: Change
    ) -> Future[Payment | None]:
        """Make the table's move if state and version are still as seen; None: nothing changed."""
        move = Moving(seen, event, writer, change)
        if change.kept_answer is None:
            return self._writer.submit(move, writes=True)
        keeping = MovingAndKeeping(move, change.kept_answer, self._vault)
        return self._writer.submit(keeping, writes=True)

    def note(self, seen: Payment, event: Event, writer: str, change: Change) -> Future[None]:
        """Add a line to the history; of the row only `answer` is written, where it is empty."""
        work = partial(
            operations.note, payment_id=seen.id, event=event, writer=writer, change=change
        )
        return self._writer.submit(work, writes=True)

    def hand_over_if_held(self, payment_id: str, writer: str) -> Future[None]:
        """Make due at once what `writer` wrote last and still owes."""
        work = partial(operations.hand_over, payment_id=payment_id, writer=writer)
        return self._writer.submit(work, writes=True)

    def open_body(self, payment_id: str) -> Future[bytes | None]:
        """Open the frozen body of a net-cancel; None: shredded, damaged or not there."""
        work = partial(operations.open_body, payment_id=payment_id, vault=self._vault)
        return self._writer.submit(work, writes=False)

    def open_answer(self, payment_id: str, asked: Asked) -> Future[bytes | None]:
        """Open an answer that a move kept; None: never kept, shredded or damaged."""
        work = partial(
            operations.open_answer, payment_id=payment_id, asked=asked, vault=self._vault
        )
        return self._writer.submit(work, writes=False)

    def confirm_if_unconfirmed(
        self, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
    ) -> Future[Payment | None]:
        """Make an unconfirmed payment of these worlds approved; return it as it is then."""
        work = partial(
            operations.confirm, worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer
        )
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
        confirm = partial(
            operations.confirm, worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer
        )
        with self._database.join(connection) as joined:
            return confirm(*joined)

    async def confirm_in_by_awaiting(
        self,
        connection: object,
        *,
        worlds: Collection[str],
        tid: str,
        merc_trx_no: str,
        writer: str,
    ) -> Payment | None:
        """Do the same, also with a connection that must be awaited."""
        joined = await self._database.join_by_awaiting(connection)
        if joined is None:
            return self.confirm_in(
                connection, worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer
            )
        confirming = operations.confirming(
            joined.now, worlds=worlds, tid=tid, merc_trx_no=merc_trx_no, writer=writer
        )
        return await operations.answered_by_awaiting(joined.execute, confirming)

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
        work = partial(
            operations.claim_due,
            query=Query.DUE_NEWEST_FIRST if newest_first else Query.DUE,
            world=world,
            writer=writer,
            limit=limit,
            hold_seconds=hold_seconds,
            vault=self._vault,
            seen=seen,
        )
        return self._writer.submit(work, writes=True)

    def list_payments(
        self, *, states: Iterable[State] | None = None, in_doubt: bool = False, limit: int = 1000
    ) -> Future[Sequence[Payment]]:
        """Return payments without history, newest first."""
        names = json.dumps([state.value for state in (State if states is None else states)])
        query = Query.LIST_IN_DOUBT if in_doubt else Query.LIST
        return self._list(query, states=names, limit=limit)

    def page(self, *, after: tuple[str, str] | None, limit: int) -> Future[Page]:
        """Return payments of all worlds by (tid, merc_trx_no), those that follow `after`."""
        tid, merc_trx_no = after or ("", "")
        work = partial(operations.page, tid=tid, merc_trx_no=merc_trx_no, limit=limit)
        return self._writer.submit(work, writes=False)

    def summary(self, *, worlds: Collection[str]) -> Future[Summary]:
        """Count the payments; those of all but `worlds` are others'."""
        return self._writer.submit(partial(operations.summary, worlds=worlds), writes=False)

    def health(self) -> Future[Health]:
        """Tell what holds in a session of this journal, as the database says it itself."""
        return self._writer.submit(_health, writes=False)

    def shred_closed(self, *, keep_seconds: float, limit: int) -> Future[int]:
        """Destroy the sealed data of payments that have been final for so long.

        First the keys, durably, then the texts: whenever the machine dies, no text is left that
        could be opened.
        """
        done = SturdyFuture[int]()
        done.set_running_or_notify_cancel()

        def then(keys: Future[int]) -> None:
            if (error := keys.exception()) is not None:
                done.set_exception(error)
                return
            texts = self._writer.submit(operations.shred_texts, writes=True)
            texts.add_done_callback(lambda _: _tell(texts, done, keys.result()))

        work = partial(operations.shred_keys, keep_seconds=keep_seconds, limit=limit)
        self._writer.submit(work, writes=True).add_done_callback(then)
        return done

    def archivable(
        self, place: ArchivePlace, *, closed_seconds: float, limit: int
    ) -> Future[Archivable]:
        """Return up to `limit` payments that were closed so long ago and are shredded."""
        work = partial(
            retention.archivable, place=place, closed_seconds=closed_seconds, limit=limit
        )
        return self._writer.submit(work, writes=False)

    def archive(self, payments: Sequence[Payment]) -> Future[int]:
        """Delete payments with their histories, and keep their numbers as used."""
        return self._writer.submit(partial(retention.archive, payments=payments), writes=True)

    def find_used(self, tid: str, merc_trx_no: str) -> Future[Used | None]:
        """Return what is kept of a number whose payment has left."""
        work = partial(retention.used, tid=tid, merc_trx_no=merc_trx_no)
        return self._writer.submit(work, writes=False)

    def vault_keys(self) -> Future[Sequence[str]]:
        """Return the ids of the vault keys in use."""
        return self._writer.submit(keys.names, writes=False)

    def rewrap(self, place: RewrapPlace, *, limit: int) -> Future[Rewrapped]:
        """Wrap the keys of up to `limit` rows anew with the current vault key."""
        work = partial(keys.rewrap, vault=self._vault, place=place, limit=limit)
        return self._writer.submit(work, writes=True)

    def forget_vault_keys(self) -> Future[Sequence[str]]:
        """Forget the keys that nothing is sealed with, but the current one."""
        return self._writer.submit(partial(keys.forget, vault=self._vault), writes=True)

    def owed(self, *, worlds: Collection[str]) -> Future[int]:
        """Count the payments of these worlds that are recovery's sooner or later."""
        return self._writer.submit(partial(operations.owed, worlds=worlds), writes=False)

    def strangers(self) -> Future[int]:
        """Count the open payments in states of a newer netcancel."""
        return self._writer.submit(operations.strangers, writes=False)

    def neglected(self, *, worlds: Collection[str], due_seconds: float) -> Future[int]:
        """Count the open payments of all but `worlds` that fell due so long ago."""
        work = partial(operations.neglected, worlds=worlds, due_seconds=due_seconds)
        return self._writer.submit(work, writes=False)

    def check_in(
        self, worker: str, host: str, alive_seconds: float, remembered: Collection[Mark | None]
    ) -> Future[Presence]:
        """Say that a worker is there, and count the journal's mark up by one."""
        work = partial(
            living.check_in,
            worker=worker,
            host=host,
            alive_seconds=alive_seconds,
            remembered=remembered,
            new_id=life.new_id(),
        )
        return self._writer.submit(work, writes=True)

    def check_out(self, worker: str) -> Future[None]:
        """Say that a worker ends."""
        return self._writer.submit(partial(living.check_out, worker=worker), writes=True)

    def workers(self) -> Future[Sequence[Worker]]:
        """Return who has checked in and not out, the longest there first."""
        return self._writer.submit(living.workers, writes=False)

    def hold(self) -> Future[Hold | None]:
        """Return the hold that stands."""
        return self._writer.submit(living.hold, writes=False)

    def hold_if_unheld(self, reason: str) -> Future[Hold]:
        """Have recovery claim nothing from now on; a hold that stands already stays as it is."""
        work = partial(living.hold_if_unheld, reason=reason, new_id=life.new_id())
        return self._writer.submit(work, writes=True)

    def release_hold(self, *, by: str, note: str) -> Future[Mark | None]:
        """End the hold that stands, and begin a new life of the journal."""
        work = partial(living.release_hold, by=by, note=note, new_id=life.new_id())
        return self._writer.submit(work, writes=True)

    def close(self) -> None:
        """Finish what was handed over, then release the database."""
        self._writer.close()

    def _look(self, query: Query, **values: str) -> Future[Payment | None]:
        work = partial(operations.look, query=query, values=values)
        return self._writer.submit(work, writes=False)

    def _list(self, query: Query, **values: str | int) -> Future[Sequence[Payment]]:
        work = partial(operations.listing, query=query, values=values)
        return self._writer.submit(work, writes=False)


def _health(session: Session, now: int) -> Health:
    return session.health(now)


def _tell(source: Future[Any], target: Future[int], result: int) -> None:
    error = source.exception()
    if error is None:
        target.set_result(result)
    else:
        target.set_exception(error)
