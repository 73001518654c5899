"""Broken twins can be made of today's source, and the machine tells the living from the killed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from proof.twins.hunt import on_the_project, on_twins
from proof.twins.table import TWINS
from proof.twins.twin import (
    ENGINES,
    Edit,
    Killer,
    Kind,
    Room,
    Stale,
    Twin,
    broken_files,
    by_test,
)
from proof.twins.workshop import ROOT, Copy, Found


@pytest.mark.parametrize("twin", TWINS, ids=[twin.name for twin in TWINS])
def test_each_twin_can_be_made(twin: Twin) -> None:
    """Its edits fit today's source once each, and what they make can be read by Python."""
    broken = broken_files(ROOT, twin.edits)
    assert broken
    for path, text in broken.items():
        assert text != path.read_text("utf-8")
        if path.suffix == ".py":
            compile(text, path.name, "exec")


@pytest.mark.parametrize("twin", TWINS, ids=[twin.name for twin in TWINS])
def test_a_test_says_by_its_name_what_is_wrong(twin: Twin) -> None:
    """Whatever else notices a twin, one of the tests does."""
    assert Kind.TEST in {killer.kind for killer in twin.killers}


ENGINED = [twin for twin in TWINS if twin.room in ENGINES]


@pytest.mark.parametrize("twin", ENGINED, ids=[twin.name for twin in ENGINED])
def test_an_engine_sees_what_is_broken(twin: Twin) -> None:
    """A test might know what to look for; an engine does not."""
    assert {killer.kind for killer in twin.killers} & ENGINES[twin.room]


def test_twins_have_names_of_their_own() -> None:
    """Whoever asks for one gets one."""
    assert len({twin.name for twin in TWINS}) == len(TWINS)


def test_an_edit_that_does_not_fit_is_told(tmp_path: Path) -> None:
    """Neither a text that is gone nor one that stands twice is replaced."""
    source = tmp_path / "src" / "netcancel" / "some.py"
    source.parent.mkdir(parents=True)
    source.write_text("one\none\n")
    for before in ("one", "two"):
        with pytest.raises(Stale):
            broken_files(tmp_path, [Edit("some.py", before, "three")])


@pytest.mark.parametrize(
    ("kind", "said", "found"),
    [
        (Kind.TEST, "F\nFAILED t.py::t[a - b] - assert 1 == 2\n", "assert 1 == 2"),
        (Kind.END_TO_END, "FAILED t.py::t - Failed: DID NOT RAISE X\n", "Failed: DID NOT RAISE X"),
        (Kind.TEST, "FAILED t.py::t - Failed: Timeout (>60.0s) from pytest-timeout.\n", None),
        (Kind.TEST, "ERROR t.py::t - its fixture failed\n", None),
        (Kind.SIMULATION, "seed 7: I1: it is charged\nthe fewest\n", "I1: it is charged"),
        (Kind.SIMULATION, "seed 7: TypeError: a bug of ours\n", None),
        (Kind.EXPLORATION, "code  3 states\n  BROKEN: I4: sent before\n", "I4: sent before"),
        (Kind.CAMPAIGN, "kept one\nbroken the books: 3 broken\n", "the books: 3 broken"),
        (Kind.DEMO, "The books balance.\n", None),
    ],
)
def test_who_ends_with_a_failure_must_say_what_was_found(
    kind: Kind, said: str, found: str | None
) -> None:
    """A fixture's trouble, a timeout or a bug is no promise that was seen to break."""
    assert Killer(kind, ()).finding(said) == found


def test_runs_of_pytest_share_no_place() -> None:
    """Two that clean up the same directories at the same time fail of each other."""
    asks = [sys.executable, "-c", "import os; print(os.environ['PYTEST_DEBUG_TEMPROOT'])"]
    places = [Copy(ROOT)._run(asks).stdout for _ in range(2)]
    assert len({*places}) == 2
    assert not any(Path(place.strip()).exists() for place in places)


@pytest.mark.timeout(240)  # it runs three tests in copies of the project, each by itself
def test_the_machine_tells_the_living_from_the_killed() -> None:
    """One killer sees what is broken, one doesn't; on the project the first one passes."""
    sees = by_test("kicc/test_codes", "test_codes_and_ranges_are_exact")
    is_blind = by_test("kicc/test_helpers", "test_token_is_aes_256_cbc")
    twin = Twin(
        name="no-range",
        mistake="a range without its end",
        breaks="the last code of a range is none of it",
        room=Room.VERDICT,
        edits=[Edit("kicc/codes.py", "first <= code <= last", "first <= code < last")],
        killers=[sees, is_blind],
    )
    assert [trial.found for trial in on_the_project([sees])] == [Found.NOTHING]
    [outcome] = on_twins([twin])
    assert [trial.found for trial in outcome.trials] == [Found.SOMETHING, Found.NOTHING]
    assert "assert" in outcome.trials[0].why
    assert not outcome.is_killed
