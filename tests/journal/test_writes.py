"""The law stands in the transition table alone: what else names states is compared with it."""

import re

import pytest

from netcancel.core.lifecycle import FINAL, MOVES, Event, State
from netcancel.journal.statements import script
from netcancel.journal.writes import CLAIMABLE, REFUSALS
from tests.journal.samples import CHANGES, WAYS

SCHEMA = script("0001_create.sql")


def states_in(text: str, before: str) -> set[State]:
    """Return the states of the first list after some text."""
    found = re.search(re.escape(before) + r"[^']*?\(([^()]*)\)", text)
    assert found is not None
    return {State(name) for name in re.findall(r"'(\w+)'", found[1])}


def test_the_schema_knows_every_state() -> None:
    """All eleven, from the first day."""
    assert states_in(SCHEMA, "the_state_is_known CHECK (state IN") == set(State)


def test_what_the_schema_calls_due_is_what_is_neither_final_nor_a_persons() -> None:
    """There is no other place to be."""
    owed = states_in(SCHEMA, "CHECK ((due_at IS NOT NULL) = (state IN")
    assert owed == set(State) - FINAL - {State.ESCALATED}


@pytest.mark.parametrize("name", ["0001_create.sql", "shred_keys.sql"])
def test_what_may_be_shredded_is_final(name: str) -> None:
    """The index and the statement name the final states."""
    assert states_in(script(name), "AND state IN") == FINAL


def test_what_is_claimed_in_sql_is_what_the_table_lets_recovery_claim() -> None:
    """A state is claimable where the table has a claim for it."""
    named = {State(name) for name in re.findall(r"state = '(\w+)'", script("due.sql"))}
    by_table = {row.source for row in MOVES if row.event in {Event.CLAIMED, Event.LEASE_RAN_OUT}}
    assert named == CLAIMABLE == by_table


def test_what_is_claimed_can_be_handed_over() -> None:
    """Whatever is held can be given back."""
    assert {row.source for row in MOVES if row.event is Event.OWNER_GAVE_UP} == CLAIMABLE


def test_refusals_are_events_of_net_cancels() -> None:
    """They happen to debts only."""
    sources = {row.source for row in MOVES if row.event in REFUSALS}
    assert sources == {State.NET_CANCELLING, State.SETTLING}


def test_the_samples_reach_every_state_of_the_table() -> None:
    """What the other tests enumerate is complete."""
    targets = {row.target for row in MOVES}
    assert set(WAYS) == targets
    assert set(CHANGES) == targets - {State.APPROVING}
