"""retry: a person gives escalated payments back to recovery, and overrules nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netcancel import operators
from netcancel.core.lifecycle import Event
from netcancel.core.payment import Change
from netcancel.errors import ConfigurationError

if TYPE_CHECKING:
    from netcancel.journal.contract import Journal
    from tests.cli.conftest import Plant, Run


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_an_escalated_payment_is_retried(run: Run, plant: Plant, options: tuple[str, ...]) -> None:
    """It is due at once, in a new window, and the history says who asked."""
    payment = plant("A", "escalated")
    ran = run("retry", "A", "--seen", payment.version, "--by", "Kim", *options)
    assert ran.code == 0
    assert "A" in ran.out
    after = run("show", "A", "--json").document
    assert after["state"] == "net_cancelling"
    assert (after["alarmed"], after["attempts"]) == (False, 0)
    assert after["due_at"] <= after["read_at"]
    last = after["history"][-1]
    assert last["event"] == "retry_asked"
    assert "Kim" in last["note"]


def test_an_overtaken_retry_changes_nothing(run: Run, plant: Plant, journal: Journal) -> None:
    """Whoever saw an older version is told to look again."""
    seen = plant("A", "escalated")
    change = Change(due_seconds=0.0, begins_debt=True)
    moved = journal.move_if_unchanged(seen, Event.RETRY_ASKED, "beef", change).result(10)
    assert moved is not None
    closed = journal.move_if_unchanged(moved, Event.WINDOW_CLOSED, "beef", Change()).result(10)
    assert closed is not None
    ran = run("retry", "A", "--seen", seen.version)
    assert ran.code == 1
    assert "has changed" in ran.err
    assert run("show", "A", "--json").document["version"] == str(closed.version)


@pytest.mark.parametrize("state", ["approving", "declined", "net_cancelling"])
def test_only_escalated_payments_are_retried(run: Run, plant: Plant, state: str) -> None:
    """Every other state is machines' or closed: exit 1, and nothing changes."""
    payment = plant("A", state)
    ran = run("retry", "A", "--seen", payment.version)
    assert ran.code == 1
    assert f"A is {state}, not escalated" in ran.err
    assert run("show", "A", "--json").document["version"] == str(payment.version)


def test_all_are_retried(run: Run, plant: Plant) -> None:
    """After an outage one call gives all of them back, and only them."""
    for number in "ABC":
        plant(number, "escalated")
    plant("D", "declined")
    document = run("retry", "--all", "--json").document
    assert {row["merc_trx_no"] for row in document["retried"]} == set("ABC")
    assert document["overtaken"] == 0
    assert run("retry", "--all").out == "nothing is escalated\n"


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "either a number or --all"),
        (("A", "--all"), "either a number or --all"),
        (("A",), "--seen VERSION"),
        (("--all", "--seen", "1.a"), "--seen VERSION"),
        (("A", "--seen", "one"), "a version looks like"),
        (("A", "--seen", "1.f00d", "--by", "a\nb"), "who asks must be a name"),
        (("A", "--seen", "1.f00d", "--by", "x" * 65), "who asks must be a name"),
        (("A", "--seen", "1.f00d", "--by", " "), "who asks must be a name"),
    ],
)
def test_wrong_usage(run: Run, plant: Plant, arguments: tuple[str, ...], part: str) -> None:
    """Exit 2, and nothing changes."""
    payment = plant("A", "escalated")
    version = str(payment.version)
    ran = run("retry", *(version if each == "1.f00d" else each for each in arguments))
    assert ran.code == 2
    assert part in ran.err
    assert run("show", "A", "--json").document["version"] == version


@pytest.mark.usefixtures("journal")
def test_an_unknown_number_is_a_no(run: Run) -> None:
    """Exit 1, with a sentence."""
    assert run("retry", "A", "--seen", "1.f00d").code == 1


def test_two_persons_at_once(plant: Plant, journal: Journal) -> None:
    """Of two retries of one version exactly one is applied."""
    payment = plant("A", "escalated")
    asked = [operators.retry(journal, payment, by=name) for name in ("Kim", "Lee")]
    assert sorted(future.result(10) is None for future in asked) == [False, True]


def test_a_name_is_checked_before_anything_is_asked(plant: Plant, journal: Journal) -> None:
    """A name with a mark that reverses reading is refused."""
    with pytest.raises(ConfigurationError, match="must be a name"):
        operators.retry(journal, plant("A", "escalated"), by="\u202eKim")
