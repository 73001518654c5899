"""The transition table: complete, reasoned, and without a way to lose a payment."""

import itertools

import pytest

from netcancel.core import lifecycle
from netcancel.core.lifecycle import (
    FINAL,
    IGNORED,
    MOVES,
    VOIDING,
    Event,
    IllegalMove,
    State,
    is_ignored,
    target,
)

PAIRS = list(itertools.product([None, *State], Event))


@pytest.mark.parametrize(("source", "event"), PAIRS)
def test_every_pair_is_a_move_or_ignored_or_refused(source: State | None, event: Event) -> None:
    """A pair is a move, or ignored, or raises; never two of them."""
    moves = [move for move in MOVES if (move.source, move.event) == (source, event)]
    ignored = [row for row in IGNORED if (row.source, row.event) == (source, event)]
    assert len(moves) + len(ignored) <= 1
    if moves:
        assert target(source, event) is moves[0].target
    else:
        with pytest.raises(IllegalMove, match=f"^{event} is not a move from {source}$"):
            target(source, event)
    assert bool(ignored) == (source is not None and is_ignored(source, event))


def test_each_row_has_its_reason_and_each_event_its_row() -> None:
    """No row without a reason, no event without a row, no state without a meaning."""
    assert all(row.why for row in (*MOVES, *IGNORED))
    assert {move.event for move in MOVES} == set(Event)
    assert all(state.meaning for state in State)
    assert {move.target for move in MOVES} == set(State)


def test_approved_is_left_by_a_cancel_that_was_asked_for_only() -> None:
    """What a caller was told stands, but for the caller's own wish (I2)."""
    leaving = [(m.event, m.target) for m in MOVES if m.source is State.APPROVED]
    assert leaving == [(Event.CANCEL_ASKED, State.CANCELLING)]
    assert not [m for m in MOVES if m.source in {State.DECLINED, State.CANCELLED}]


def test_an_automatic_cancel_moves_unconfirmed_only() -> None:
    """A missed confirmation and a failing merchant void nothing that was confirmed."""
    automatic = {Event.CONFIRMATION_MISSED, Event.REJECTED}
    assert {m.source for m in MOVES if m.event in automatic} == {State.UNCONFIRMED}


def test_a_person_never_makes_an_approval_be_sent() -> None:
    """Nothing leads back to approving, and a person's moves begin at what is a person's."""
    assert [m.source for m in MOVES if m.target is State.APPROVING] == [None]
    persons = {Event.RETRY_ASKED, Event.RETRY_CANCEL_ASKED, Event.RESOLVED}
    assert {m.source for m in MOVES if m.event in persons} == {State.ESCALATED}


def test_net_cancelled_is_reached_by_a_late_acknowledgement_only() -> None:
    """Only an acknowledgement that nothing can follow closes a payment as void."""
    closing = {m.event for m in MOVES if m.target is State.NET_CANCELLED}
    assert closing == {Event.ACKNOWLEDGED_LATE, Event.ANSWERED_NEVER_SENT}


def test_approved_is_reached_by_a_proof_only() -> None:
    """Only a proof leads to approved, or a confirmation of one (I8)."""
    ways = [(m.source, m.event) for m in MOVES if m.target is State.APPROVED]
    assert ways == [
        (State.APPROVING, Event.APPROVAL_PROVEN),
        (State.UNCONFIRMED, Event.CONFIRMED),
    ]
    proofs = [m.event for m in MOVES if m.target is State.UNCONFIRMED]
    assert proofs == [Event.APPROVAL_PROVEN_UNCONFIRMED]


def test_a_final_state_stays_reachable() -> None:
    """From every state with moves there is a way to a final one."""
    reaching: set[State | None] = set(FINAL)
    for _ in State:
        reaching |= {move.source for move in MOVES if move.target in reaching}
    assert set(State) <= reaching


def test_a_late_approval_meets_every_state_a_fenced_owner_can_find() -> None:
    """Whatever took over from an owner, its late approval is a move or is noted."""
    # Unconfirmed is written by the owner itself, and what follows it by whoever saw that.
    found = {m.target for m in MOVES} - {State.APPROVING, State.UNCONFIRMED}
    for state in found:
        assert is_ignored(state, Event.LATE_APPROVAL) or target(state, Event.LATE_APPROVAL)


def test_what_is_owed_to_recovery_can_be_claimed_handed_over_and_poisoned() -> None:
    """Recovery can take, give back and escalate each state in which it owes something."""
    for state in VOIDING:
        assert target(state, Event.CLAIMED) is state
        assert target(state, Event.OWNER_GAVE_UP) is state
        assert target(state, Event.POISONED) is State.ESCALATED
        assert target(state, Event.WINDOW_CLOSED) is State.ESCALATED


def test_stored_values_are_written_out() -> None:
    """The stored values of states and events are their names in lower case, all eleven there."""
    assert len(State) == 11
    for member in (*State, *Event):
        assert member.value == member.name.lower()
    assert lifecycle.State("net_cancelling") is State.NET_CANCELLING
