"""Recovery claims what is due, each payment for one worker; who holds one can give it back."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from netcancel.core.lifecycle import CancelReason, Event, State, target
from netcancel.core.payment import MICROSECONDS, Change, Version
from netcancel.journal import Journal
from tests.journal.samples import (
    BODY,
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


def test_only_what_is_due_is_claimed(journal: Journal, clock: Clock) -> None:
    """A lease is respected until its very end."""
    payment = open_one(journal)
    clock.advance(HOLD - 0.000_001)
    assert claim(journal) == []
    clock.advance(0.000_001)
    (held,) = claim(journal)
    assert held.id == payment.id
    assert claim(journal) == []


def test_a_claimed_approval_becomes_a_debt(journal: Journal, clock: Clock) -> None:
    """The owner is fenced, and the debt begins with one attempt."""
    payment = open_one(journal)
    clock.advance(HOLD)
    (claimed,) = journal.claim_due(
        world=WORLD, writer="worker", limit=1, hold_seconds=12.0
    ).result()
    held = claimed.payment
    now = NOW + round(HOLD * MICROSECONDS)
    assert claimed.net_cancel_body == BODY
    assert (held.state, held.version) == (State.NET_CANCELLING, Version(2, "worker"))
    assert (held.attempts, held.owed_since, held.alarmed) == (1, now, False)
    assert (held.is_held, held.due_at, held.read_at) == (True, now + 12 * MICROSECONDS, now)
    verdict = journal.move_if_unchanged(
        payment, Event.APPROVAL_PROVEN, payment.version.writer, CHANGES[State.APPROVED]
    )
    assert verdict.result() is None
    line = again(journal, payment).history[-1]
    assert (line.source, line.event, line.target) == (
        State.APPROVING,
        Event.LEASE_RAN_OUT,
        State.NET_CANCELLING,
    )


@pytest.mark.parametrize("state", [State.NET_CANCELLING, State.SETTLING])
def test_a_claimed_debt_stays_what_it_is(journal: Journal, clock: Clock, state: State) -> None:
    """One attempt more, the same window, a new version."""
    payment = bring_to(journal, state)
    clock.advance(1_000)
    (held,) = claim(journal)
    assert (held.state, held.owed_since) == (state, payment.owed_since)
    assert held.attempts == payment.attempts + 1
    assert held.version == Version(payment.version.counter + 1, "worker")
    assert again(journal, payment).history[-1].event is Event.CLAIMED


@pytest.mark.parametrize("state", WAYS)
def test_exactly_what_recovery_owes_is_claimed(
    journal: Journal, clock: Clock, state: State
) -> None:
    """Final states and a person's are never claimed, however old."""
    bring_to(journal, state)
    clock.advance(10**9)
    owed = {
        State.APPROVING,
        State.UNCONFIRMED,
        State.NET_CANCELLING,
        State.SETTLING,
        State.CANCELLING,
    }
    assert bool(claim(journal)) == (state in owed)


def test_other_worlds_are_left_alone(journal: Journal, clock: Clock) -> None:
    """A worker takes nothing that belongs to another gateway, channel or environment."""
    open_one(journal, world="staging")
    clock.advance(1_000)
    assert claim(journal) == []
    summary = journal.summary(worlds=[WORLD]).result()
    assert (summary.of_other_worlds, summary.in_doubt) == (1, 1)
    assert journal.summary(worlds=["staging"]).result().of_other_worlds == 0


def test_a_missed_confirmation_is_claimed_as_an_unsent_cancel(
    journal: Journal, clock: Clock
) -> None:
    """Who claims it knows by its attempts that nobody has sent a cancel yet."""
    bring_to(journal, State.UNCONFIRMED)
    clock.advance(1_000)
    (payment,) = claim(journal)
    assert (payment.state, payment.attempts) == (State.CANCELLING, 0)
    assert payment.cancel_reason is CancelReason.CONFIRMATION_MISSED
    clock.advance(1_000)
    (again,) = claim(journal)
    assert (again.state, again.attempts) == (State.CANCELLING, 0)


def test_the_longest_due_come_first_and_no_more_than_asked(journal: Journal, clock: Clock) -> None:
    """Claims follow the due times over all states."""
    late = bring_to(journal, State.SETTLING)
    first = open_one(journal, hold_seconds=2.0)
    second = bring_to(journal, State.NET_CANCELLING)
    clock.advance(1_000)
    expected = [first.id, second.id, late.id]
    assert [payment.id for payment in claim(journal, limit=2)] == expected[:2]
    assert [payment.id for payment in claim(journal, limit=2)] == expected[2:]


def test_what_fell_due_last_can_be_claimed_first(journal: Journal, clock: Clock) -> None:
    """Behind a long queue, new debts are reached as well."""
    numbers = []
    for _ in range(6):
        payment = move(
            journal, open_one(journal), Event.ANSWER_LOST, Change(due_seconds=1.0, begins_debt=True)
        )
        numbers.append(payment.merc_trx_no)
        clock.advance(1)
    clock.advance(10)
    claims = journal.claim_due(
        world=WORLD, writer="worker", limit=2, hold_seconds=HOLD, newest_first=True
    ).result()
    assert [each.payment.merc_trx_no for each in claims] == numbers[:-3:-1]
    assert [payment.merc_trx_no for payment in claim(journal, limit=2)] == numbers[:2]


def test_claims_never_overlap(journal: Journal, clock: Clock) -> None:
    """Eight threads drain two hundred due payments: each is claimed once."""
    opened = [journal.open_new(intent(id=f"p{number}")) for number in range(200)]
    assert {fate(future.result()) for future in opened} == {"Opened"}
    clock.advance(1_000)

    def drain(number: int) -> list[str]:
        mine: list[str] = []
        while batch := claim(journal, limit=7, writer=f"worker{number}"):
            mine += [payment.id for payment in batch]
        return mine

    with ThreadPoolExecutor(8) as pool:
        claimed = [each for mine in pool.map(drain, range(8)) for each in mine]
    assert len(claimed) == 200
    assert set(claimed) == {f"p{number}" for number in range(200)}


@pytest.mark.parametrize("state", WAYS)
def test_what_a_holder_owes_is_handed_over(journal: Journal, clock: Clock, state: State) -> None:
    """Due at once, where the holder's is the last version and something is owed by it."""
    payment = bring_to(journal, state)
    before = again(journal, payment)
    holds = state in {State.APPROVING, State.NET_CANCELLING, State.CANCELLING}
    clock.advance(1)
    journal.hand_over_if_held(payment.id, "somebody else").result()
    assert again(journal, payment) == replace(before, read_at=NOW + MICROSECONDS)
    journal.hand_over_if_held(payment.id, payment.version.writer).result()
    after = again(journal, payment)
    if not holds:
        assert after == replace(before, read_at=NOW + MICROSECONDS)
        return
    assert after.state is target(state, Event.OWNER_GAVE_UP)
    assert (after.is_held, after.due_at) == (False, NOW + MICROSECONDS)
    assert after.history[-1].event is Event.OWNER_GAVE_UP
    begun = (NOW + MICROSECONDS, 0) if state is State.APPROVING else (NOW, payment.attempts)
    assert (after.owed_since, after.attempts) == begun
    assert [each.id for each in claim(journal)] == [payment.id]


def test_a_held_settling_payment_is_handed_over(journal: Journal, clock: Clock) -> None:
    """A worker that is interrupted while it verifies leaves it settling, due at once."""
    payment = bring_to(journal, State.SETTLING)
    clock.advance(1_000)
    claim(journal)
    journal.hand_over_if_held(payment.id, "worker").result()
    after = again(journal, payment)
    assert (after.state, after.is_held, after.due_at) == (State.SETTLING, False, after.read_at)


def test_handing_over_what_is_not_there_is_nothing(journal: Journal) -> None:
    """An intent that was never written owes nothing."""
    journal.hand_over_if_held("nobody", "w").result()
