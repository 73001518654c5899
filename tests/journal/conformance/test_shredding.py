"""What is sealed can be opened until it is shredded, and it is shredded in time."""

import pytest

from netcancel.core.lifecycle import CancelReason, Event, State
from netcancel.core.payment import Asked, Change, KeptAnswer
from netcancel.journal import Journal
from netcancel.journal.contract import RewrapPlace
from tests.journal.samples import (
    ANSWER,
    BODY,
    CHANGES,
    HOLD,
    WAYS,
    WORLD,
    Clock,
    again,
    bring_to,
    move,
    open_one,
)


def test_a_frozen_body_can_be_opened_until_it_is_shredded(journal: Journal, clock: Clock) -> None:
    """A lost cancel needs it; nobody else's is opened."""
    payment = bring_to(journal, State.APPROVED)
    assert journal.open_body(payment.id).result() == BODY
    assert journal.open_body("unknown").result() is None
    clock.advance(1_000)
    journal.shred_closed(keep_seconds=10, limit=10).result()
    assert journal.open_body(payment.id).result() is None


def test_an_answer_is_kept_with_its_move(journal: Journal) -> None:
    """The very bytes, each under what was asked; the last one counts."""
    payment = open_one(journal)
    approval = KeptAnswer(Asked.APPROVAL, b'{"respCd": "0000"}\n')
    change = Change(answer=ANSWER, kept_answer=approval)
    approved = move(journal, payment, Event.APPROVAL_PROVEN, change)
    for body in (b"first", b"second"):
        change = Change(
            hold_seconds=HOLD,
            begins_debt=True,
            cancel_reason=CancelReason.ASKED,
            kept_answer=KeptAnswer(Asked.CANCEL, body),
        )
        event = Event.CANCEL_ASKED if body == b"first" else Event.OWNER_GAVE_UP
        approved = move(journal, approved, event, change)
    assert journal.open_answer(payment.id, Asked.APPROVAL).result() == approval.body
    assert journal.open_answer(payment.id, Asked.CANCEL).result() == b"second"


def test_no_answer_is_kept_by_a_move_that_was_not_made(journal: Journal) -> None:
    """Whoever lost the version leaves nothing behind."""
    payment = open_one(journal)
    move(journal, payment, Event.DECLINE_PROVEN, CHANGES[State.DECLINED])
    change = Change(answer=ANSWER, kept_answer=KeptAnswer(Asked.APPROVAL, b"late"))
    late = journal.move_if_unchanged(payment, Event.APPROVAL_PROVEN, "owner", change)
    assert late.result() is None
    assert journal.open_answer(payment.id, Asked.APPROVAL).result() is None
    assert journal.open_answer("nobody", Asked.APPROVAL).result() is None


def test_a_kept_answer_is_shredded_with_the_token(journal: Journal, clock: Clock) -> None:
    """What the gateway sent may name a card: it goes when the payment's key goes."""
    payment = open_one(journal)
    change = Change(code="8521", kept_answer=KeptAnswer(Asked.APPROVAL, b"declined"))
    move(journal, payment, Event.DECLINE_PROVEN, change)
    clock.advance(100)
    assert journal.shred_closed(keep_seconds=99, limit=10).result() == 1
    assert journal.open_answer(payment.id, Asked.APPROVAL).result() is None


@pytest.mark.parametrize("state", WAYS)
def test_exactly_closed_payments_are_shredded(journal: Journal, clock: Clock, state: State) -> None:
    """After the grace, and never what is still owed or a person's."""
    bring_to(journal, state)
    clock.advance(99)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 0
    clock.advance(1)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == int(state.is_final)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 0


def test_a_reopened_payment_starts_its_grace_anew(journal: Journal, clock: Clock) -> None:
    """A late proof needs the token again; once shredded, its claim has no body."""
    payment = bring_to(journal, State.NET_CANCELLED)
    clock.advance(99)
    debt = Change(due_seconds=0.0, begins_debt=True, answer=ANSWER)
    reopened = move(journal, payment, Event.LATE_APPROVAL, debt)
    (claimed,) = journal.claim_due(world=WORLD, writer="w", limit=1, hold_seconds=HOLD).result()
    assert claimed.net_cancel_body == BODY
    closed = move(journal, claimed.payment, Event.ACKNOWLEDGED_LATE, Change(code="0000"))
    clock.advance(99)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 0
    clock.advance(1)
    assert journal.shred_closed(keep_seconds=100, limit=10).result() == 1
    assert reopened.id == closed.id
    move(journal, closed, Event.LATE_APPROVAL, debt)
    (claimed,) = journal.claim_due(world=WORLD, writer="w", limit=1, hold_seconds=HOLD).result()
    assert claimed.net_cancel_body is None


def test_shredding_takes_the_oldest_first_and_no_more_than_asked(
    journal: Journal, clock: Clock
) -> None:
    """A limit keeps one pass short; the next takes the rest."""
    for _ in range(5):
        bring_to(journal, State.DECLINED)
        clock.advance(1)
    taken = [journal.shred_closed(keep_seconds=0, limit=2).result() for _ in range(4)]
    assert taken == [2, 2, 1, 0]


def test_a_rotation_of_keys_changes_nothing_that_can_be_seen(journal: Journal) -> None:
    """Neither payments nor versions nor bodies; where one key is in use, none is forgotten."""
    payments = [bring_to(journal, state) for state in WAYS]
    before = [again(journal, payment) for payment in payments]
    in_use = [*journal.vault_keys().result()]
    place: RewrapPlace | None = RewrapPlace()
    while place is not None:
        place = journal.rewrap(place, limit=3).result().then
    assert [again(journal, payment) for payment in payments] == before
    assert {journal.open_body(payment.id).result() for payment in payments} == {BODY}
    assert [*journal.forget_vault_keys().result()] == []
    assert [*journal.vault_keys().result()] == in_use
