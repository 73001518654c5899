"""status, list, show and explain: what they print, and that they change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from netcancel.core.lifecycle import IGNORED, MOVES, State
from tests.cli.conftest import TID, Plant, Run

if TYPE_CHECKING:
    from pathlib import Path

WORLD = ("--base-url", "https://gateway.example", "--channel-id", "CH")


@pytest.mark.parametrize(
    "arguments", [("list",), ("show", "A"), ("status", *WORLD), ("retry", "--all", "--by", "me")]
)
def test_reading_commands_never_make_a_journal(
    run: Run, place: Path, arguments: tuple[str, ...]
) -> None:
    """Without a journal they end with 2 and a sentence, and leave no file behind."""
    ran = run(*arguments)
    assert ran.code == 2
    assert "there is no journal" in ran.err
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("command", ["list", "worker"])
def test_a_journal_in_memory_is_refused(run: Run, command: str) -> None:
    """It would be empty, and gone at the end."""
    ran = run(command, "--journal", "memory://")
    assert ran.code == 2
    assert "private to one guard" in ran.err


@pytest.mark.usefixtures("journal")
def test_an_empty_journal_is_listed(run: Run) -> None:
    """Nothing is said in words, and as an empty list."""
    assert run("list").out == "no such payments\n"
    assert run("list", "--json").document == {"payments": []}


def test_list_chooses_by_state_and_doubt(run: Run, plant: Plant) -> None:
    """Each option narrows the list; together, states add up."""
    for number, state in [("A", "declined"), ("B", "net_cancelling"), ("C", "escalated")]:
        plant(number, state)

    def listed(*options: str) -> set[str]:
        rows = run("list", "--json", *options).document["payments"]
        return {row["merc_trx_no"] for row in rows}

    assert listed() == {"A", "B", "C"}
    assert listed("--in-doubt") == {"B"}
    assert listed("--escalated") == {"C"}
    assert listed("--state", "declined") == {"A"}
    assert listed("--state", "declined", "--escalated") == {"A", "C"}
    assert len(listed("--limit", "1")) == 1


def test_list_says_what_is_next(run: Run, plant: Plant) -> None:
    """A line has number, state, amount, who acts next and when, and the version."""
    plant("A", "declined")
    plant("B", "net_cancelling")
    escalated = plant("C", "escalated")
    lines = {line.split()[0]: line for line in run("list").out.splitlines() if TID in line}
    assert "nothing is owed" in lines["A"]
    assert '8035 "Declined"' in lines["A"]
    assert "in 1 min" in lines["B"] or "in 59 s" in lines["B"] or "in 58 s" in lines["B"]
    assert "a person's: netcancel retry" in lines["C"]
    assert str(escalated.version) in lines["C"]
    assert all("10,000" in line for line in lines.values())


def test_show_tells_the_history(run: Run, plant: Plant) -> None:
    """Text and JSON have the version, the times in UTC, and each move."""
    payment = plant("C", "escalated")
    text = run("show", "C")
    assert text.code == 0
    assert str(payment.version) in text.out
    assert "window_closed" in text.out
    document = run("show", "C", "--json").document
    assert document["version"] == str(payment.version)
    assert document["state"] == "escalated"
    assert document["created_at"].endswith("Z")
    assert [entry["target"] for entry in document["history"]] == [
        *("approving", "net_cancelling", "escalated")
    ]


@pytest.mark.usefixtures("journal")
def test_an_unknown_number_is_a_no(run: Run) -> None:
    """Exit 1, with a sentence."""
    ran = run("show", "NOBODY")
    assert ran.code == 1
    assert "no payment" in ran.err


def test_a_gateways_text_does_nothing_to_a_terminal(run: Run, plant: Plant) -> None:
    """Control characters, reversing marks and markup are shown, not obeyed."""
    plant("A", "declined", code="8035", message="\x1b[31mred\x07 \u202eback\u2028 [bold]x[/bold]")
    for arguments in (("list",), ("show", "A"), ("list", "--json"), ("show", "A", "--json")):
        out = run(*arguments).out
        assert not {"\x1b", "\x07", "\u202e", "\u2028"} & set(out)
        assert "[bold]x[/bold]" in out


def test_status_counts(run: Run, plant: Plant) -> None:
    """By state, in doubt, refusals, and what belongs to other worlds."""
    plant("A", "declined")
    plant("B", "net_cancelling")
    plant("C", "escalated")
    document = run("status", "--json", *WORLD).document
    assert document["by_state"]["declined"] == 1
    assert set(document["by_state"]) == set(State)
    assert document["in_doubt"] == 1
    assert document["of_other_worlds"] == 0
    elsewhere = run("status", "--json", *WORLD, "--environment", "elsewhere").document
    assert elsewhere["of_other_worlds"] == 2
    text = run("status", *WORLD).out
    assert "net_cancelling" in text
    assert "in doubt" in text


@pytest.mark.usefixtures("journal")
def test_status_needs_to_know_its_world(run: Run) -> None:
    """Without base URL and channel it can't tell whose payments are whose."""
    ran = run("status")
    assert ran.code == 2
    assert "NETCANCEL_BASE_URL" in ran.err


@pytest.mark.parametrize("state", list(State))
def test_explain_says_what_the_table_says(run: Run, state: State) -> None:
    """Every move into and out of the state is there with its reason, and nothing else."""
    document: dict[str, Any] = run("explain", state, "--json").document
    assert document["meaning"] == state.meaning
    assert document["is_final"] is state.is_final
    assert len(document["in"]) == sum(move.target is state for move in MOVES)
    assert len(document["out"]) == sum(move.source is state for move in MOVES)
    assert len(document["ignored"]) == sum(row.source is state for row in IGNORED)
    text = run("explain", state)
    assert text.code == 0
    assert state.meaning in text.out
    assert all(move["why"] in text.out for move in document["in"] + document["out"])
