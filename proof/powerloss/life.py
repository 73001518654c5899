"""A short life of a journal in which everything happens that a journal does.

Single operations, and batches of many in one commit; each is told when its future is done. Nothing
is left to chance or to timing: two lives in the same mode ask the same of the disk.
"""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.lifecycle import Event, State, target
from netcancel.core.payment import Asked, Change, Intent, KeptAnswer, Opened, Payment
from netcancel.journal.contract import ArchivePlace, RewrapPlace
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.sqlite_schema import SqliteTables
from netcancel.journal.vault import Vault
from tests.journal.samples import (
    ANSWER,
    BODY,
    CHANGES,
    HOLD,
    KEY_BYTES,
    START,
    WAYS,
    WORLD,
    intent,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    from netcancel.journal.database import DatabaseJournal
    from netcancel.journal.sqlite_file import OpenFile

FIRST_KEY: Final = KEY_BYTES
SECOND_KEY: Final = KEY_BYTES[::-1]
TID: Final = "T123456789"
NUMBERS: Final = tuple(f"ORD_{count:02}" for count in range(48))
KEPT: Final = KeptAnswer(Asked.APPROVAL, b'{"resCd":"0000","resMsg":"approved"}')
FINAL: Final = [state for state in State if state.is_final]
GRACE_SECONDS: Final = 7 * 86_400.0
A_WHILE: Final = 86_400.0
"""More than any payment's time to settle."""


def intent_of(number: str, **changes: Any) -> Intent:  # noqa: ANN401  any of an intent's values
    """Return the intent with a number: the same whenever it is asked for."""
    return intent(
        id=f"payment {number}", writer=f"owner {number}", merc_trx_no=number, tid=TID, **changes
    )


class Clock:
    """The journal's clock; it can hold up the batch that asks for the time."""

    def __init__(self) -> None:
        self.now = START
        self._asked = threading.Event()
        self._may_tell = threading.Event()
        self._may_tell.set()

    def __call__(self) -> float:
        """Return the time, as soon as it may be told."""
        self._asked.set()
        self._may_tell.wait()
        return self.now

    def hold(self) -> None:
        """Tell nobody the time until `release`."""
        self._asked.clear()
        self._may_tell.clear()

    def wait_until_asked(self) -> None:
        """Return when somebody waits for the time."""
        self._asked.wait()

    def release(self) -> None:
        """Tell the time again."""
        self._may_tell.set()


class Teller:
    """Does things with a journal, and passes on what callers are told."""

    def __init__(
        self, path: Path, mode: str, opens: OpenFile, tell: Callable[[Mapping[str, str]], None]
    ) -> None:
        self.path = path
        self.mode = mode
        self.opens = opens
        self.tell = tell
        self.clock = Clock()
        self._numbers = iter(NUMBERS)

    def open(self, vault: Vault, *, create: bool = False) -> DatabaseJournal:
        """Open the journal."""
        journal = open_sqlite(
            self.path, vault, self.clock, create=create, mode=self.mode, opens=self.opens
        )
        self.tell({"vault keys": str(journal.vault_keys().result())})
        return journal

    def pay(self, journal: DatabaseJournal, state: State) -> Payment:
        """Bring a new payment to a state, move by move."""
        payment = self.told(journal.open_new(self.next_intent()).result())
        for event in WAYS[state]:
            change = CHANGES[target(payment.state, event)]
            payment = self.move(journal, payment, event, change)
        return payment

    def next_intent(self) -> Intent:
        """Return an intent with a number that was never used."""
        return intent_of(next(self._numbers))

    def move(
        self, journal: DatabaseJournal, seen: Payment, event: Event, change: Change
    ) -> Payment:
        """Make a move and tell of it."""
        writer = seen.version.writer
        return self.told(journal.move_if_unchanged(seen, event, writer, change).result())

    def told(self, result: object) -> Payment:
        """Tell of a payment that was written or moved."""
        return self.all_told([result])[0]

    def all_told(self, results: Iterable[object]) -> list[Payment]:
        """Tell of payments that were written or moved by one commit."""
        payments: list[Payment] = []
        promises: dict[str, str] = {}
        for result in results:
            if isinstance(result, Opened):
                promises[f"body {result.payment.merc_trx_no}"] = str(BODY)
            payment = result.payment if isinstance(result, Opened) else result
            if not isinstance(payment, Payment):
                raise TypeError(f"nothing was written: {result}")
            promises[f"payment {payment.merc_trx_no}"] = f"{payment.state} {payment.version}"
            payments.append(payment)
        self.tell(promises)
        return payments

    def together(
        self, journal: DatabaseJournal, asks: Sequence[Callable[[], Future[Any]]]
    ) -> list[Any]:
        """Ask for many things at once, so that one commit serves them all."""
        self.clock.hold()
        first = journal.hold()
        self.clock.wait_until_asked()
        futures = [ask() for ask in asks]
        self.clock.release()
        first.result()
        return [future.result() for future in futures]


def live(teller: Teller) -> None:
    """Live from the making of the journal to a new vault key."""
    with closing(teller.open(Vault(FIRST_KEY), create=True)) as journal:
        _check_in(teller, journal)
        for state in State:
            teller.pay(journal, state)
        _pay_in_crowds(teller, journal)
        _tell_more(teller, journal)
        _hold(teller, journal)
    with closing(teller.open(Vault(FIRST_KEY))) as journal:
        _recover(teller, journal)
        _forget(teller, journal)
        for _ in range(5):
            teller.pay(journal, State.APPROVED)
    with closing(teller.open(Vault(SECOND_KEY, FIRST_KEY), create=True)) as journal:
        _change_keys(teller, journal)
        for _ in range(5):
            teller.pay(journal, State.NET_CANCELLED)


def upgrade(teller: Teller) -> None:
    """Bring a journal as the first release left it up to date, and go on with it."""
    SqliteTables(teller.path, teller.mode, teller.opens).upgrade()
    with closing(teller.open(Vault(FIRST_KEY))) as journal:
        _check_in(teller, journal)
        for _ in range(3):
            teller.pay(journal, State.APPROVED)


def _check_in(teller: Teller, journal: DatabaseJournal) -> None:
    for worker in ("worker 1", "worker 2", "worker 1"):
        mark = journal.check_in(worker, "host", 60.0, ()).result().mark
        teller.tell({"mark": f"{mark.id} {mark.count}"})
    journal.check_out("worker 2").result()


def _pay_in_crowds(teller: Teller, journal: DatabaseJournal) -> None:
    """Open payments, then decide them and open others, in one commit each."""
    intents = [teller.next_intent() for _ in range(6)]
    opened = teller.together(journal, [partial(journal.open_new, each) for each in intents])
    payments = teller.all_told(opened)
    change = CHANGES[State.APPROVED]
    changes = [replace(change, kept_answer=KEPT)] * 2 + [change] * 4
    approve = partial(journal.move_if_unchanged, event=Event.APPROVAL_PROVEN, writer="crowd")
    moves = [
        partial(approve, seen, change=change)
        for seen, change in zip(payments, changes, strict=True)
    ]
    others = [partial(journal.open_new, teller.next_intent()) for _ in range(3)]
    teller.all_told(teller.together(journal, [*moves, *others]))
    teller.tell({f"answer {payment.merc_trx_no}": str(KEPT.body) for payment in payments[:2]})


def _tell_more(teller: Teller, journal: DatabaseJournal) -> None:
    """Note, confirm and hand over."""
    declined = teller.pay(journal, State.DECLINED)
    change = Change(answer=ANSWER, note="it came late")
    journal.note(declined, Event.LATE_APPROVAL, "somebody", change).result()
    unconfirmed = teller.pay(journal, State.UNCONFIRMED)
    confirmed = journal.confirm_if_unconfirmed(
        worlds=[WORLD], tid=TID, merc_trx_no=unconfirmed.merc_trx_no, writer="merchant"
    )
    teller.told(confirmed.result())
    owed = teller.pay(journal, State.NET_CANCELLING)
    journal.hand_over_if_held(owed.id, owed.version.writer).result()
    teller.told(journal.read(owed.id).result())


def _hold(teller: Teller, journal: DatabaseJournal) -> None:
    hold = journal.hold_if_unheld("it went back in time").result()
    teller.tell({"hold": str(hold)})
    mark = journal.release_hold(by="a person", note="it did not").result()
    if mark is None:
        raise TypeError("there was no hold")
    teller.tell({"hold": "None", "mark": f"{mark.id} {mark.count}"})


def _recover(teller: Teller, journal: DatabaseJournal) -> None:
    """Claim what is due, and close it."""
    teller.clock.now += A_WHILE
    claims = journal.claim_due(world=WORLD, writer="recovery", limit=4, hold_seconds=HOLD)
    for payment in teller.all_told(claim.payment for claim in claims.result()):
        if payment.state in {State.NET_CANCELLING, State.SETTLING}:
            change = CHANGES[State.NET_CANCELLED]
            teller.move(journal, payment, Event.ACKNOWLEDGED_LATE, change)


def _forget(teller: Teller, journal: DatabaseJournal) -> None:
    """Shred what was closed long ago, then archive some of it."""
    teller.clock.now += 2 * GRACE_SECONDS
    journal.shred_closed(keep_seconds=GRACE_SECONDS, limit=len(NUMBERS)).result()
    listed = journal.list_payments(states=FINAL).result()
    closed = [payment.merc_trx_no for payment in listed]
    texts = [f"{what} {number}" for what in ("body", "answer") for number in closed]
    teller.tell(dict.fromkeys(texts, str(None)))
    found = journal.archivable(ArchivePlace(), closed_seconds=GRACE_SECONDS, limit=4).result()
    numbers = [payment.merc_trx_no for payment in found.payments]
    journal.archive(found.payments).result()
    used = {number: journal.find_used(TID, number).result() for number in numbers}
    teller.tell({f"payment {number}": f"left {used[number]}" for number in numbers})


def _change_keys(teller: Teller, journal: DatabaseJournal) -> None:
    place: RewrapPlace | None = RewrapPlace()
    while place is not None:
        place = journal.rewrap(place, limit=8).result().then
    journal.forget_vault_keys().result()
    teller.tell({"vault keys": str(journal.vault_keys().result())})
