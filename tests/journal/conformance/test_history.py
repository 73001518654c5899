"""The history says what happened to a payment, and why."""

from dataclasses import replace

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Version
from netcancel.journal import Journal
from tests.journal.samples import ANSWER, Clock, again, bring_to, claim, move, open_one


def test_the_history_is_a_chain(journal: Journal) -> None:
    """Each line begins in the state in which the last one ended."""
    history = again(journal, bring_to(journal, State.NET_CANCELLED)).history
    assert history[0].source is None
    assert [line.source for line in history[1:]] == [line.target for line in history[:-1]]


def test_versions_never_repeat(journal: Journal, clock: Clock) -> None:
    """Over a long life each write has a version of its own, in the order of the history."""
    payment = open_one(journal)
    for number in range(20):
        clock.advance(1_000)
        (payment,) = claim(journal, writer=f"w{number % 2}")
        journal.hand_over_if_held(payment.id, payment.version.writer).result()
    versions = [line.version for line in again(journal, payment).history]
    assert len(versions) == len(set(versions)) == 41
    assert [version.counter for version in versions] == list(range(1, 42))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (Change(note="n", detail="d", code="c"), "n"),
        (Change(detail="d", code="c", message="m"), "d"),
        (Change(code="8521", message="limit"), "8521 limit"),
        (Change(code="8521"), "8521"),
    ],
)
def test_the_history_says_why(journal: Journal, change: Change, text: str) -> None:
    """The note, else the detail, else code and message."""
    payment = open_one(journal)
    change = replace(change, code=change.code or "8521")
    move(journal, payment, Event.DECLINE_PROVEN, change)
    assert again(journal, payment).history[-1].note == text


def test_a_note_adds_a_line_and_moves_nothing(journal: Journal, clock: Clock) -> None:
    """The line carries the row's version and names who wrote it; the row stays."""
    payment = bring_to(journal, State.ESCALATED)
    before = again(journal, payment)
    clock.advance(1)
    for text in ("first", "second"):
        journal.note(payment, Event.NOT_ACKNOWLEDGED, "late", Change(note=text)).result()
    after = again(journal, payment)
    assert replace(after, history=(), read_at=0) == replace(before, history=(), read_at=0)
    assert after.history[:-2] == before.history
    assert [line.note for line in after.history[-2:]] == [
        "first (noted by late)",
        "second (noted by late)",
    ]
    assert {line.version for line in after.history[-2:]} == {payment.version}
    assert {(line.source, line.target) for line in after.history[-2:]} == {
        (State.ESCALATED, State.ESCALATED)
    }
    assert not after.was_written_by(Version(payment.version.counter, "late"))


def test_a_note_keeps_a_proof_where_there_is_none(journal: Journal) -> None:
    """The first proven approval stays; a second is only a line."""
    payment = bring_to(journal, State.ESCALATED)
    other = replace(ANSWER, aprv_no="87654321")
    for answer in (ANSWER, other):
        journal.note(payment, Event.LATE_APPROVAL, "late", Change(answer=answer)).result()
    assert again(journal, payment).answer == ANSWER
    assert len(again(journal, payment).history) == 5
    retried = move(journal, payment, Event.RETRY_ASKED, Change(due_seconds=0.0, begins_debt=True))
    assert retried.answer == ANSWER
