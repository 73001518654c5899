"""Broken twins can be made of today's source, and the machine tells the living from the killed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from proof.twins.hunt import on_the_project, on_twins
from proof.twins.table import TWINS
from proof.twins.twin import ENGINES, Edit, Kind, Room, Stale, Twin, broken_files, by_test
from proof.twins.workshop import ROOT, Found

if TYPE_CHECKING:
    from pathlib import Path


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
def test_an_engine_sees_what_is_broken_or_the_table_says_why_not(twin: Twin) -> None:
    """What no engine of its room can see is seen by a second test, end to end."""
    kinds = {killer.kind for killer in twin.killers}
    assert bool(kinds & ENGINES[twin.room]) != bool(twin.unseen)
    assert not twin.unseen or Kind.END_TO_END in kinds


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
    assert not outcome.is_killed
