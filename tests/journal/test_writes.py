"""The law stands in the transition table alone: what else names states is compared with it."""

import re

import pytest

from netcancel.core.lifecycle import FINAL, MOVES, RECOVERABLE, VOIDING, Event, State
from netcancel.journal.sqlite_file import SQL
from netcancel.journal.writes import REFUSALS
from tests.journal.samples import CHANGES, WAYS

SCHEMA = SQL.script("0001_create.sql")


RULES = {State(name): rule for name, rule in re.findall(r"WHEN '(\w+)' +THEN (.*)", SCHEMA)}
"""What the schema demands of a row in each state."""


def test_the_schema_knows_every_state() -> None:
    """All eleven, from the first day, and no other."""
    assert set(RULES) == set(State)
    assert "ELSE 0 END" in SCHEMA


def test_what_the_schema_calls_due_is_what_is_neither_final_nor_a_persons() -> None:
    """There is no other place to be."""
    due = {state for state, rule in RULES.items() if rule.startswith("due_at IS NOT NULL")}
    not_due = {state for state, rule in RULES.items() if rule.startswith("due_at IS NULL")}
    assert due == set(State) - FINAL - {State.ESCALATED}
    assert due | not_due == set(State)


@pytest.mark.parametrize("name", ["0001_create.sql", "shred_keys.sql"])
def test_what_may_be_shredded_is_final(name: str) -> None:
    """Nothing is due and no person has to decide: by the schema, that is final."""
    assert "due_at IS NULL AND state <> 'escalated'" in SQL.script(name)
    not_due = {state for state, rule in RULES.items() if rule.startswith("due_at IS NULL")}
    assert not_due - {State.ESCALATED} == FINAL


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("archivable.sql", 1),
        ("use_number.sql", 1),
        ("forget_payment.sql", 1),
        ("0004_retention.sql", 2),
    ],
)
def test_what_may_leave_is_final(name: str, count: int) -> None:
    """Wherever a payment is read to be deleted, or deleted, the SQL names exactly those states."""
    lists = re.findall(r"state (?:NOT )?IN \(([^()]*)\)", SQL.script(name))
    assert [{State(word.strip(" '")) for word in each.split(",")} for each in lists] == [
        FINAL
    ] * count


def test_what_is_claimed_in_sql_is_what_the_table_lets_recovery_claim() -> None:
    """A state is claimable where the table has a claim for it."""
    named = {State(name) for name in re.findall(r"state = '(\w+)'", SQL.script("due.sql"))}
    claims = {Event.CLAIMED, Event.LEASE_RAN_OUT, Event.CONFIRMATION_MISSED}
    by_table = {row.source for row in MOVES if row.event in claims}
    assert named == RECOVERABLE == by_table


def test_what_is_claimed_can_be_handed_over() -> None:
    """Whatever is held can be given back; what is unconfirmed nobody holds."""
    given_back = {row.source for row in MOVES if row.event is Event.OWNER_GAVE_UP}
    assert given_back == RECOVERABLE - {State.UNCONFIRMED}


def test_refusals_are_events_of_debts() -> None:
    """They happen to what is to be voided only."""
    sources = {row.source for row in MOVES if row.event in REFUSALS}
    assert sources == VOIDING | {State.CANCELLING}


def test_the_samples_reach_every_state_of_the_table() -> None:
    """What the other tests enumerate is complete."""
    targets = {row.target for row in MOVES}
    assert set(WAYS) == targets
    assert set(CHANGES) == targets - {State.APPROVING}
