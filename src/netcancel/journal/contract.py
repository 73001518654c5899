"""What every journal promises.

Each operation is atomic, is named by its precondition, and is durable when its future is done. The
journal's own clock decides leases and due times. A future may fail with `JournalUnavailable`: then
the operation may have been applied or not, and the caller reads again to know. Any other exception
is a bug.

A row that is damaged, or of a newer netcancel, stops no other. What would tell of it alone fails
with `JournalUnavailable`, in a sentence that names it; lines of the history that can't be read are
left out.

Operations may be called from any thread and never block for long: they hand their work over and
return a future. Awaiting code wraps it with `asyncio.wrap_future`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from netcancel.errors import JournalUnavailable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from netcancel.core.lifecycle import Event, State
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
    from netcancel.journal.life import Hold, Mark, Presence, Worker


class JournalClosed(JournalUnavailable):
    """The journal was closed by its owner: asking again is of no use."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How many payments there are, of all worlds, and how the open ones stand."""

    by_state: dict[State, int]
    in_doubt: int
    oldest_in_doubt_seconds: float
    of_other_worlds: int
    """Open payments that no worker of these worlds may touch, a newer netcancel's included."""
    refusals: dict[str, int]
    """Codes that refused the last voids of open or escalated payments, with their counts."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing that a journal's database says of itself, and what it has to say."""

    name: str
    found: str
    must_be: str | None = None
    """None: anything will do."""
    advice: str = ""
    """What to do where it is something else."""

    @property
    def holds(self) -> bool:
        """Whether it is as it must be."""
        return self.must_be is None or self.found == self.must_be


@dataclass(frozen=True, slots=True)
class Health:
    """What a journal found out about itself, read back from a session like any other."""

    now: int
    """The journal's clock, in microseconds since the epoch."""
    facts: tuple[Fact, ...]
    """Version and schema, and whatever in force decides whether a commit is durable: of SQLite the
    journal mode, `synchronous`, `secure_delete` and the file; of a server its commit settings
    (`synchronous_commit`, `fsync`, `innodb_flush_log_at_trx_commit`)."""
    directory: Path | None
    """Where it lies on this host; None: elsewhere, and its free space is not ours to see."""


@dataclass(frozen=True, slots=True)
class ArchivePlace:
    """Behind which payment to go on; the default is before all."""

    closed_at: int = 0
    payment_id: str = ""


@dataclass(frozen=True, slots=True)
class Archivable:
    """Payments that may leave the journal."""

    payments: Sequence[Payment]
    """With their histories."""
    unreadable: int
    """How many beside them can't be read whole: they stay."""
    then: ArchivePlace | None
    """Where to go on; None: there are no more."""


@dataclass(frozen=True, slots=True)
class RewrapPlace:
    """How far a rotation of keys has come; the default is its beginning."""

    key_id: str = ""
    after: int = 0


@dataclass(frozen=True, slots=True)
class Rewrapped:
    """What a step of a rotation did."""

    done: int
    damaged: int
    """Rows whose key can't be opened: they stay as they are."""
    then: RewrapPlace | None
    """Where to go on; None: every row was looked at."""


class Journal(Protocol):
    """Remembers payments; see the module's docstring for what holds of every operation."""

    def open_new(self, intent: Intent) -> Future[Opened | Known | Used | TooMany]:
        """Write an intent as `approving`, unless its number is used or too many are in doubt.

        The number is (tid, merc_trx_no), of any world; in doubt are those of the intent's world.
        Data are the same only in the same world: what another gateway knows is no answer here.
        """

    def read(self, payment_id: str) -> Future[Payment | None]:
        """Return a payment with its history."""

    def find(self, tid: str, merc_trx_no: str) -> Future[Payment | None]:
        """Return a payment by its number, with its history."""

    def find_by_van_number(self, tid: str, van_trx_no: str) -> Future[Payment | None]:
        """Return the newest payment whose answer has this VAN number, with its history."""

    def move_if_unchanged(
        self, seen: Payment, event: Event, writer: str, change: Change
    ) -> Future[Payment | None]:
        """Make the table's move if state and version are still as seen; None: nothing changed.

        The payment that comes back is a snapshot without history, read at the move's own time.
        """

    def note(self, seen: Payment, event: Event, writer: str, change: Change) -> Future[None]:
        """Add a line to the history; of the row only `answer` is written, where it is empty.

        The line carries the row's version, which was written, and names `writer` in its text.
        """

    def hand_over_if_held(self, payment_id: str, writer: str) -> Future[None]:
        """Make due at once what `writer` wrote last and still owes (`Event.OWNER_GAVE_UP`)."""

    def open_body(self, payment_id: str) -> Future[bytes | None]:
        """Open the frozen body of a net-cancel; None: shredded, damaged or not there.

        Fails with `JournalUnavailable` where this process lacks a vault key that is in use; so does
        `claim_due`: what it can't open is not damaged.
        """

    def open_answer(self, payment_id: str, asked: Asked) -> Future[bytes | None]:
        """Open an answer that a move kept; None: never kept, shredded or damaged."""

    def confirm_if_unconfirmed(
        self, *, worlds: Collection[str], tid: str, merc_trx_no: str, writer: str
    ) -> Future[Payment | None]:
        """Make an unconfirmed payment of these worlds approved; return it as it is then.

        In any other state nothing changes. None: these worlds have no such payment.
        """

    def confirm_in(
        self,
        connection: object,
        *,
        worlds: Collection[str],
        tid: str,
        merc_trx_no: str,
        writer: str,
    ) -> Payment | None:
        """Do the same in the caller's open transaction, which commits it or rolls it back.

        It sees what is so now, whatever the transaction has read before. `connection` is a DB-API
        connection to this journal's database. Raises `ConfigurationError` for any other, and what
        its driver raises.
        """

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
        ...

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
        """Take up to `limit` due payments of this world, longest due first, or the other way.

        Nothing while a hold stands, and nothing of a journal that is behind the mark that the
        worker has seen: it was restored meanwhile.

        `approving` with its lease run out becomes `net_cancelling`, a new debt, one attempt;
        `net_cancelling` and `settling` stay, with one attempt more. `unconfirmed` becomes
        `cancelling`, a new debt, no attempt yet; `cancelling` stays as it is. Each gets a new
        version. A damaged row is claimed without its body. One that can't even be written is left
        out, and keeps no other from its turn: fewer than `limit` come back only where no more can
        be had now.
        """

    def list_payments(
        self, *, states: Iterable[State] | None = None, in_doubt: bool = False, limit: int = 1000
    ) -> Future[Sequence[Payment]]:
        """Return payments without history, newest first.

        One with an answer or a loss that can't be read comes without them, so that it is seen.
        """

    def page(self, *, after: tuple[str, str] | None, limit: int) -> Future[Page]:
        """Return payments of all worlds by (tid, merc_trx_no), ascending, beginning behind `after`.

        They come without history, and like those of `list_payments` where they can't be read whole;
        of a newer netcancel's comes whose it is.
        """

    def summary(self, *, worlds: Collection[str]) -> Future[Summary]:
        """Count the payments; those of all but `worlds` are others'."""

    def health(self) -> Future[Health]:
        """Tell what holds in a session of this journal, as the database says it itself."""

    def shred_closed(self, *, keep_seconds: float, limit: int) -> Future[int]:
        """Destroy the sealed data of payments final for so long; returns how many."""

    def archivable(
        self, place: ArchivePlace, *, closed_seconds: float, limit: int
    ) -> Future[Archivable]:
        """Return up to `limit` payments closed so long ago and shredded, the longest closed first.

        Behind `place`. One that can't be read to the last line of its history is only counted.
        """

    def archive(self, payments: Sequence[Payment]) -> Future[int]:
        """Delete payments with their histories, and keep their numbers as used; returns how many.

        Only what is final, shredded, and as it was read, to its last line. All leave at once or
        none does. Whoever asks has them somewhere else, durably.
        """

    def find_used(self, tid: str, merc_trx_no: str) -> Future[Used | None]:
        """Return what is kept of a number whose payment has left."""

    def vault_keys(self) -> Future[Sequence[str]]:
        """Return the ids of the vault keys in use, in hexadecimal digits."""

    def rewrap(self, place: RewrapPlace, *, limit: int) -> Future[Rewrapped]:
        """Wrap the keys of up to `limit` rows anew with the current vault key.

        That is in use from then on. Only what is as it was read is replaced. Whoever begins anew
        passes over what is done.
        """

    def forget_vault_keys(self) -> Future[Sequence[str]]:
        """Forget the keys that nothing is sealed with, but the current one; returns their ids."""

    def owed(self, *, worlds: Collection[str]) -> Future[int]:
        """Count the payments of these worlds that are recovery's sooner or later.

        However many are closed, it takes no longer.
        """

    def strangers(self) -> Future[int]:
        """Count the open payments in states of a newer netcancel: nobody here touches them."""

    def neglected(self, *, worlds: Collection[str], due_seconds: float) -> Future[int]:
        """Count the open payments of all but `worlds` that fell due so long ago, and nobody took.

        Those in states of a newer netcancel are left out.
        """

    def check_in(
        self, worker: str, host: str, alive_seconds: float, remembered: Collection[Mark | None]
    ) -> Future[Presence]:
        """Say that a worker is there, and count the journal's mark up by one.

        `remembered` is what the worker and its host have seen of it: a journal that is behind any
        of these is held, unless it is already.

        Alive are those that checked in within `alive_seconds`; one that has not for a day is
        forgotten. The first of all begins the journal's first life.
        """

    def check_out(self, worker: str) -> Future[None]:
        """Say that a worker ends; what it never said is nothing."""

    def workers(self) -> Future[Sequence[Worker]]:
        """Return who has checked in and not out, the longest there first."""

    def hold(self) -> Future[Hold | None]:
        """Return the hold that stands."""

    def hold_if_unheld(self, reason: str) -> Future[Hold]:
        """Have recovery claim nothing from now on; a hold that stands already stays as it is."""

    def release_hold(self, *, by: str, note: str) -> Future[Mark | None]:
        """End the hold that stands, and begin a new life of the journal that replaces all before.

        Who and why is kept. None: nothing was held, and nothing changed.
        """

    def close(self) -> None:
        """Finish what was handed over, then release everything; further calls fail."""
