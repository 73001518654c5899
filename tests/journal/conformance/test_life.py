"""A journal's workers check in, a hold stops them, and a closed journal says that it is."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from netcancel.core.lifecycle import FINAL, Event, State
from netcancel.core.payment import MICROSECONDS
from netcancel.errors import JournalUnavailable
from netcancel.journal import Journal
from netcancel.journal.life import Hold, Mark, Worker
from tests.journal.samples import (
    CHANGES,
    HOLD,
    NOW,
    WAYS,
    WORLD,
    Clock,
    again,
    bring_to,
    claim,
    fate,
    intent,
    move,
    open_one,
)


def test_a_worker_that_checks_in_counts_the_mark_up(journal: Journal, clock: Clock) -> None:
    """By one each time, in one life; it is listed with its host, since when, and when last seen."""
    first = journal.check_in("1-a", "host", 15.0, ()).result()
    clock.advance(5)
    second = journal.check_in("1-a", "host", 15.0, ()).result()
    other = journal.check_in("2-b", "elsewhere", 15.0, ()).result()
    assert first.found.id == second.found.id == other.mark.id
    assert [(each.found.count, each.mark.count) for each in (first, second, other)] == [
        (0, 1),
        (1, 2),
        (2, 3),
    ]
    assert (first.replaced, first.hold) == (frozenset(), None)
    later = NOW + 5 * MICROSECONDS
    assert [*journal.workers().result()] == [
        Worker("1-a", "host", NOW, later),
        Worker("2-b", "elsewhere", later, later),
    ]


@pytest.mark.parametrize(
    ("ahead", "is_held"),
    [
        ([0, None], False),
        ([1, None], True),
        ([0, 1], True),
        ([None, "another"], True),
    ],
)  # fmt: skip
def test_a_journal_that_is_behind_what_is_remembered_is_held(
    journal: Journal, clock: Clock, ahead: list[int | str | None], is_held: bool
) -> None:
    """By the check-in itself: counted up, it may be as far as others remember."""
    open_one(journal)
    mark = journal.check_in("w", "host", 15.0, ()).result().mark
    remembered = [mark_at(mark, each) for each in ahead]
    clock.advance(1)
    presence = journal.check_in("w", "till", 15.0, remembered).result()
    hold = journal.hold().result()
    assert presence.hold == hold
    assert (hold is not None) is is_held
    if hold is not None:
        assert (hold.held_at, "till" in hold.reason) == (NOW + MICROSECONDS, True)
        clock.advance(1)
        assert journal.check_in("w", "b", 15.0, remembered).result().hold == hold


def mark_at(mark: Mark, ahead: int | str | None) -> Mark | None:
    """Return a mark so far ahead of another, or one of another journal."""
    if ahead is None:
        return None
    return Mark(ahead, 0) if isinstance(ahead, str) else replace(mark, count=mark.count + ahead)


def test_only_workers_that_were_seen_are_alive(journal: Journal, clock: Clock) -> None:
    """One that missed its time doesn't count, one that checked out is gone, a day forgets."""
    for worker in ("killed", "ended", "there"):
        journal.check_in(worker, "host", 15.0, ()).result()
    journal.check_out("ended").result()
    journal.check_out("nobody").result()
    clock.advance(15)
    assert journal.check_in("there", "host", 15.0, ()).result().workers == 2
    clock.advance(0.000_001)
    assert journal.check_in("there", "host", 15.0, ()).result().workers == 1
    assert {worker.id for worker in journal.workers().result()} == {"killed", "there"}
    clock.advance(86_400)
    journal.check_in("there", "host", 15.0, ()).result()
    assert {worker.id for worker in journal.workers().result()} == {"there"}


def test_a_journal_says_whether_it_is_empty(journal: Journal) -> None:
    """One payment is enough to have something to lose."""
    assert journal.check_in("w", "host", 15.0, ()).result().is_empty
    open_one(journal)
    assert not journal.check_in("w", "host", 15.0, ()).result().is_empty


def test_check_ins_at_once_are_all_counted(journal: Journal) -> None:
    """Sixteen threads: no two leave the same mark."""

    def attempt(number: int) -> int:
        return journal.check_in(f"w{number}", "host", 15.0, ()).result().mark.count

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(attempt, range(16))) == list(range(1, 17))


@pytest.mark.parametrize("state", WAYS)
def test_what_is_held_is_not_claimed(journal: Journal, clock: Clock, state: State) -> None:
    """By nobody, whatever is due; it is as it was, and claimed once the hold is released."""
    payment = bring_to(journal, state)
    clock.advance(10**9)
    held = journal.hold_if_unheld("restored").result()
    assert held == journal.hold().result() == Hold("restored", NOW + 10**9 * MICROSECONDS)
    before = again(journal, payment)
    assert claim(journal) == []
    assert again(journal, payment) == before
    journal.release_hold(by="me", note="looked").result()
    assert bool(claim(journal)) == (state not in FINAL | {State.ESCALATED})


def test_a_hold_stops_recovery_only(journal: Journal, clock: Clock) -> None:
    """Payments are made, decided, confirmed and cancelled as ever."""
    journal.hold_if_unheld("restored").result()
    approving, unconfirmed = open_one(journal), bring_to(journal, State.UNCONFIRMED)
    move(journal, approving, Event.ANSWER_LOST, CHANGES[State.NET_CANCELLING])
    confirmed = journal.confirm_if_unconfirmed(
        worlds=[WORLD], tid=unconfirmed.tid, merc_trx_no=unconfirmed.merc_trx_no, writer="m"
    ).result()
    assert confirmed is not None
    assert confirmed.state is State.APPROVED
    move(journal, confirmed, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
    clock.advance(1)
    assert journal.check_in("w", "host", 15.0, ()).result().hold == Hold("restored", NOW)


def test_the_first_hold_stands(journal: Journal, clock: Clock) -> None:
    """A second worker that notices the same changes nothing."""
    first = journal.hold_if_unheld("first").result()
    clock.advance(1)
    assert journal.hold_if_unheld("second").result() == first
    assert journal.hold().result() == first


def test_a_release_begins_a_life_that_replaces_the_others(journal: Journal) -> None:
    """Each release one more; what is not held can't be released, and nothing changes."""
    assert journal.release_hold(by="me", note="why").result() is None
    lives = [journal.check_in("w", "host", 15.0, ()).result().mark.id]
    for place in range(3):
        journal.hold_if_unheld("restored").result()
        mark = journal.release_hold(by="me", note=f"looked {place}").result()
        assert mark is not None
        assert mark.id not in lives
        presence = journal.check_in("w", "host", 15.0, ()).result()
        assert (presence.found, presence.hold) == (mark, None)
        assert presence.replaced == frozenset(lives)
        lives.append(mark.id)
    assert journal.release_hold(by="me", note="why").result() is None


def test_nothing_is_claimed_of_a_journal_that_is_behind(journal: Journal, clock: Clock) -> None:
    """A worker that was at work when it was restored claims nothing; a released one it may."""
    open_one(journal)
    clock.advance(HOLD)
    mark = journal.check_in("w", "host", 15.0, ()).result().mark

    def claimed(seen: Mark) -> int:
        claims = journal.claim_due(
            world=WORLD, writer="w", limit=1, hold_seconds=0.001, seen=seen
        ).result()
        clock.advance(1)
        return len(claims)

    assert claimed(mark) == 1
    assert claimed(replace(mark, count=mark.count + 1)) == 0
    assert claimed(replace(mark, id="another")) == 0
    journal.check_in("w", "host", 15.0, ()).result()
    assert claimed(replace(mark, count=mark.count + 1)) == 1
    journal.hold_if_unheld("restored").result()
    journal.release_hold(by="me", note="looked").result()
    assert claimed(replace(mark, count=10**6)) == 1


def test_a_closed_journal_says_so(journal: Journal) -> None:
    """Calls after the end fail; closing twice is nothing."""
    journal.close()
    journal.close()
    with pytest.raises(JournalUnavailable):
        journal.read("x").result()
    with pytest.raises(JournalUnavailable):
        journal.open_new(intent()).result()


def test_closing_finishes_what_was_handed_over(journal: Journal) -> None:
    """Every future that was handed out before is done."""
    futures = [journal.open_new(intent()) for _ in range(500)]
    journal.close()
    assert all(future.done() and fate(future.result()) == "Opened" for future in futures)
