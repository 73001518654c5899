"""What is closed and shredded may leave, once, and its number stays used."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import MICROSECONDS, Change, Payment, Used
from netcancel.journal import Journal
from netcancel.journal.contract import ArchivePlace
from tests.journal.samples import (
    ANSWER,
    CHANGES,
    NOW,
    WAYS,
    Clock,
    again,
    bring_to,
    fate,
    intent,
    move,
)


def leaving(journal: Journal, *, closed_seconds: float = 0.0, limit: int = 100) -> list[Payment]:
    """Return what may leave."""
    found = journal.archivable(ArchivePlace(), closed_seconds=closed_seconds, limit=limit).result()
    assert found.unreadable == 0
    return [*found.payments]


def closed_one(journal: Journal, clock: Clock, **changes: str) -> Payment:
    """Return a payment that may leave, with its history."""
    payment = bring_to(journal, State.DECLINED, **changes)
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=10).result()
    return again(journal, payment)


@pytest.mark.parametrize("state", WAYS)
def test_only_what_is_closed_and_shredded_may_leave(
    journal: Journal, clock: Clock, state: State
) -> None:
    """After its time; whatever is owed or a person's stays, however old."""
    payment = bring_to(journal, state)
    clock.advance(100)
    assert leaving(journal) == []
    assert journal.archive([again(journal, payment)]).result() == 0
    journal.shred_closed(keep_seconds=0, limit=10).result()
    assert leaving(journal, closed_seconds=100.000_001) == []
    expected = [again(journal, payment)] if state.is_final else []
    assert leaving(journal, closed_seconds=100) == expected
    assert journal.archive([again(journal, payment)]).result() == int(state.is_final)
    assert (journal.read(payment.id).result() is None) == state.is_final


def test_the_number_of_what_has_left_stays_used(journal: Journal, clock: Clock) -> None:
    """Nobody opens it again, in no batch and however many are in doubt; what it was is kept."""
    payment = closed_one(journal, clock, merc_trx_no="ORD_GONE")
    assert journal.find_used(payment.tid, "ORD_GONE").result() is None
    assert journal.archive([payment]).result() == 1
    used = Used("declined", NOW, NOW + MICROSECONDS)
    assert journal.find_used(payment.tid, "ORD_GONE").result() == used
    assert journal.find(payment.tid, "ORD_GONE").result() is None
    bring_to(journal, State.NET_CANCELLING)
    for limit in (None, 1):
        sample = intent(merc_trx_no="ORD_GONE", max_in_doubt=limit)
        assert journal.open_new(sample).result() == used
        assert journal.read(sample.id).result() is None
    futures = [
        journal.open_new(intent(merc_trx_no=number))
        for number in ("ORD_A", "ORD_GONE", "ORD_B", "ORD_gone")
    ]
    assert [fate(future.result()) for future in futures] == ["Opened", "Used", "Opened", "Opened"]
    assert fate(journal.open_new(intent(tid="T0", merc_trx_no="ORD_GONE")).result()) == "Opened"


def test_what_was_written_since_it_was_read_stays(journal: Journal, clock: Clock) -> None:
    """A move, or only a line of the history: it would be in no file."""
    noted, moved, good = (closed_one(journal, clock) for _ in range(3))
    journal.note(noted, Event.LATE_APPROVAL, "late", Change(answer=ANSWER)).result()
    approved = bring_to(journal, State.APPROVED)
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=10).result()
    seen = again(journal, approved)
    move(journal, seen, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
    assert journal.archive([noted, moved, seen, good]).result() == 2
    assert journal.read(noted.id).result() is not None
    assert again(journal, approved).state is State.CANCELLING
    assert journal.archive([noted]).result() == 0
    assert journal.archive([again(journal, noted)]).result() == 1


def test_the_longest_closed_leave_first_and_no_more_than_asked(
    journal: Journal, clock: Clock
) -> None:
    """Each page goes on behind the last one, also where nothing has left meanwhile."""
    closed = [closed_one(journal, clock) for _ in range(7)]
    seen: list[Payment] = []
    place: ArchivePlace | None = ArchivePlace()
    while place is not None:
        page = journal.archivable(place, closed_seconds=0, limit=3).result()
        assert len(page.payments) <= 3
        seen += page.payments
        place = page.then
    assert [payment.id for payment in seen] == [payment.id for payment in closed]


def test_a_payment_leaves_once(journal: Journal, clock: Clock) -> None:
    """Eight threads archive the same fifty: each leaves for one of them."""
    for _ in range(50):
        bring_to(journal, State.DECLINED)
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=100).result()
    payments = leaving(journal)

    def attempt(_: int) -> int:
        return sum(journal.archive([payment]).result() for payment in payments)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(8))) == 50
