"""What a journal counts for those who watch it."""

import pytest

from netcancel.core.lifecycle import RECOVERABLE, Event, State
from netcancel.core.payment import MICROSECONDS, Change
from netcancel.journal import Journal
from tests.journal.samples import HOLD, NOW, WAYS, WORLD, Clock, bring_to, claim, move


def test_the_summary_counts(journal: Journal, clock: Clock) -> None:
    """By state, in doubt, of other worlds, and what net-cancels were refused with."""
    empty = journal.summary(worlds=[WORLD]).result()
    assert (empty.by_state, empty.in_doubt, empty.oldest_in_doubt_seconds) == ({}, 0, 0.0)
    for state in WAYS:
        bring_to(journal, state)
    lost = bring_to(journal, State.NET_CANCELLING)
    refused = Change(due_seconds=50.0, code="7777")
    lost = move(journal, lost, Event.NOT_ACKNOWLEDGED, refused)
    clock.advance(30)
    summary = journal.summary(worlds=[WORLD]).result()
    assert summary.by_state == dict.fromkeys(WAYS, 1) | {State.NET_CANCELLING: 2}
    assert (summary.in_doubt, summary.oldest_in_doubt_seconds) == (3, 30.0)
    assert (summary.of_other_worlds, summary.refusals) == (0, {"7777": 1})
    move(journal, lost, Event.LATE_APPROVAL, Change(due_seconds=0.0, begins_debt=True))
    assert journal.summary(worlds=[WORLD]).result().refusals == {}
    clock.advance(HOLD)
    assert journal.summary(worlds=[WORLD]).result().in_doubt == 4


@pytest.mark.parametrize("state", WAYS)
def test_what_nobody_takes_elsewhere_is_counted(
    journal: Journal, clock: Clock, state: State
) -> None:
    """Open payments of other worlds, from the moment on that they have been due for so long."""
    payment = bring_to(journal, state)

    def neglected(*worlds: str) -> int:
        return journal.neglected(worlds=worlds, due_seconds=180.0).result()

    if payment.due_at is None:
        clock.advance(10**9)
        assert neglected("staging") == 0
        return
    clock.advance((payment.due_at - NOW) / MICROSECONDS + 179.0)
    assert neglected("staging") == 0
    clock.advance(1.0)
    assert (neglected("staging"), neglected("staging", WORLD), neglected()) == (1, 0, 1)
    assert len(claim(journal)) == 1
    assert neglected("staging") == 0


def test_what_is_owed_is_counted(journal: Journal) -> None:
    """Of these worlds only, in every state that recovery takes, due or not."""
    for state in WAYS:
        bring_to(journal, state)
    assert journal.owed(worlds=[WORLD]).result() == len(RECOVERABLE)
    assert journal.owed(worlds=["another", WORLD]).result() == len(RECOVERABLE)
    assert journal.owed(worlds=["another"]).result() == journal.owed(worlds=[]).result() == 0


def test_nobody_is_a_stranger_among_known_states(journal: Journal) -> None:
    """Every state of the table is this code's own."""
    for state in WAYS:
        bring_to(journal, state)
    assert journal.strangers().result() == 0


def test_a_journal_tells_its_own_time(journal: Journal, clock: Clock) -> None:
    """Its clock is the one that decides leases, and it names what it found out."""
    clock.advance(5.0)
    health = journal.health().result()
    assert health.now == NOW + 5 * MICROSECONDS
    assert health.facts
