"""What the pages say of states is what the code says."""

from netcancel import State
from netcancel.core.lifecycle import IGNORED, MOVES, Event
from netcancel.core.outcomes import outcome_of
from netcancel.kicc import ApprovalAnswer
from tests.core.samples import payment
from tests.docs.pages import README, ROOT, rows_of, text_of
from tools import states


def told(state: State) -> str:
    """Return the outcome that a caller is told of a payment in this state.

    Of a resolved one it depends on its kind; here it has none, which counts as no charge.
    """
    return type(outcome_of(payment(state=state, answer=ApprovalAnswer()))).__name__


def test_the_page_of_states_is_current() -> None:
    """docs/states.md is what `python -m tools.states` writes now."""
    assert text_of(states.PAGE) == states.render()


def test_the_matrix_says_each_move_and_nothing_else() -> None:
    """Read back from the page, the matrix is the transition table."""
    sources = (None, *states.IN_USE)
    rows = rows_of(states.PAGE, "State and event")
    assert [row[0] for row in rows] == [f"`{event}`" for event in Event]
    cells = {
        (source, event): cell
        for event, row in zip(Event, rows, strict=True)
        for source, cell in zip(sources, row[1:], strict=True)
        if cell
    }
    moves = {(move.source, move.event): f"`{move.target}`" for move in MOVES}
    assert cells == moves | {(row.source, row.event): "*noted*" for row in IGNORED}


def test_the_readme_says_of_each_state_what_the_code_says() -> None:
    """The README's table has each state in use, its meaning, and the outcome that is told."""
    assert rows_of(README, "States") == [
        [f"`{state}`", state.meaning, "what the person found"]
        if state is State.RESOLVED
        else [f"`{state}`", state.meaning, f"`{told(state)}`"]
        for state in states.IN_USE
    ]


def test_the_protocol_says_what_is_told_of_each_state() -> None:
    """The protocol's table has each state in use, with the outcome that is told."""
    rows = rows_of(ROOT / "docs" / "protocol.md", "Final, in doubt, told")
    said = {
        name.strip(" `"): outcome.split("`")[1]
        for names, outcome in rows
        for name in names.split(",")
    }
    assert said == {str(state): told(state) for state in states.IN_USE}
