"""Which moves are made, from what was seen, and what they write."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from netcancel.core.lifecycle import MOVES, CancelReason, Event, IllegalMove, State
from netcancel.core.payment import MICROSECONDS, Change, Version
from netcancel.journal import Journal
from netcancel.kicc import Loss
from tests.journal.samples import CHANGES, NOW, WAYS, WORLD, Clock, again, bring_to, move, open_one


@pytest.mark.parametrize(("state", "event"), list(itertools.product(WAYS, Event)))
def test_exactly_the_tables_moves_are_made(journal: Journal, state: State, event: Event) -> None:
    """Every pair of the table leads to its target; every other pair raises and changes nothing."""
    payment = bring_to(journal, state)
    targets = {row.target for row in MOVES if (row.source, row.event) == (state, event)}
    before = again(journal, payment)
    if not targets:
        with pytest.raises(IllegalMove):
            journal.move_if_unchanged(payment, event, "w", Change()).result()
        assert again(journal, payment) == before
        return
    (expected,) = targets
    moved = move(journal, payment, event, CHANGES[expected], writer="w")
    assert (moved.state, moved.version) == (expected, Version(payment.version.counter + 1, "w"))
    after = again(journal, payment)
    assert replace(after, history=()) == moved
    assert after.history[:-1] == before.history
    line = after.history[-1]
    assert (line.source, line.event, line.target) == (state, event, expected)
    assert (line.at, line.version) == (NOW, moved.version)


def test_a_move_from_a_stale_view_changes_nothing(journal: Journal) -> None:
    """State, count and writer must all be as seen."""
    seen = open_one(journal)
    lost = CHANGES[State.NET_CANCELLING]
    move(journal, seen, Event.ANSWER_LOST, lost)
    stale = [
        seen,
        replace(seen, version=Version(2, seen.version.writer)),
        replace(seen, version=Version(2, "other"), state=State.NET_CANCELLING),
        replace(seen, version=Version(1, seen.version.writer), state=State.NET_CANCELLING),
        replace(seen, id="nobody"),
    ]
    before = again(journal, seen)
    for view in stale:
        event = Event.CLAIMED if view.state is State.NET_CANCELLING else Event.ANSWER_LOST
        assert journal.move_if_unchanged(view, event, "late", lost).result() is None
    assert again(journal, seen) == before


def test_one_of_many_moves_from_the_same_view_is_made(journal: Journal) -> None:
    """Sixteen threads move what they all saw: one wins."""
    seen = open_one(journal)
    change = CHANGES[State.NET_CANCELLING]

    def attempt(number: int) -> bool:
        moved = journal.move_if_unchanged(seen, Event.ANSWER_LOST, f"w{number}", change).result()
        return moved is not None

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(attempt, range(16))) == 1
    assert len(again(journal, seen).history) == 2


def test_a_change_writes_what_it_names_and_leaves_the_rest(journal: Journal) -> None:
    """None leaves a column; a debt begins anew only where the change says so."""
    payment = open_one(journal)
    change = Change(
        hold_seconds=5.0,
        begins_debt=True,
        attempts=1,
        loss=Loss.PARSING_ERROR,
        code="9999",
        message="odd",
        detail="broken",
        never_sent=True,
        alarmed=True,
    )
    first = move(journal, payment, Event.ANSWER_LOST, change)
    assert (first.loss, first.code, first.message) == (Loss.PARSING_ERROR, "9999", "odd")
    assert (first.detail, first.never_sent, first.alarmed) == ("broken", True, True)
    assert (first.attempts, first.owed_since) == (1, NOW)
    second = move(journal, first, Event.NOT_ACKNOWLEDGED, Change(due_seconds=7.5))
    due_at = NOW + 7_500_000
    assert second == replace(
        first, is_held=False, due_at=due_at, version=second.version, last_event=second.last_event
    )
    assert second.last_event is Event.NOT_ACKNOWLEDGED


def test_a_new_debt_forgets_alarm_and_attempts(journal: Journal, clock: Clock) -> None:
    """Its window begins with the move."""
    payment = bring_to(journal, State.ESCALATED)
    assert payment.alarmed
    clock.advance(10)
    retried = move(journal, payment, Event.RETRY_ASKED, Change(due_seconds=0.0, begins_debt=True))
    assert (retried.alarmed, retried.attempts) == (False, 0)
    assert retried.owed_since == retried.due_at == NOW + 10 * MICROSECONDS


def test_held_and_due_at_once_is_a_bug(journal: Journal) -> None:
    """A change that says both raises."""
    payment = open_one(journal)
    with pytest.raises(ValueError, match="not both"):
        journal.move_if_unchanged(
            payment, Event.ANSWER_LOST, "w", Change(hold_seconds=1.0, due_seconds=1.0)
        ).result()


def test_a_cancel_is_kept_as_it_was_frozen(journal: Journal) -> None:
    """Its number, its body and its reason stay with the row."""
    payment = bring_to(journal, State.CANCELLED)
    row = again(journal, payment)
    assert (row.cancel_trx_no, row.cancel_body) == ("CANCEL_1", '{"mercTrxNo":"CANCEL_1"}')
    assert row.cancel_reason is CancelReason.ASKED


@pytest.mark.parametrize("state", WAYS)
def test_only_what_is_unconfirmed_is_confirmed(journal: Journal, state: State) -> None:
    """The others are told as they are, nothing is written; other worlds have no such payment."""
    payment = bring_to(journal, state)
    number = {"tid": payment.tid, "merc_trx_no": payment.merc_trx_no, "writer": "merchant"}
    assert journal.confirm_if_unconfirmed(worlds=["staging"], **number).result() is None
    confirmed = journal.confirm_if_unconfirmed(worlds=[WORLD], **number).result()
    assert confirmed is not None
    if state is State.UNCONFIRMED:
        assert (confirmed.state, confirmed.due_at) == (State.APPROVED, None)
        assert confirmed.version == Version(payment.version.counter + 1, "merchant")
    else:
        assert (confirmed.state, confirmed.version) == (state, payment.version)
