"""Mutants are made of real code only, tried by the tests that run them, and told apart."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from netcancel.kicc.messages import _carried
from proof.evidence import ROOT
from proof.mutants.changed import changed_functions, functions
from proof.mutants.survivors import Listed, listed
from tests.missing import missing

try:
    from proof.mutants.mutations import mutants
    from proof.mutants.report import Report
    from proof.mutants.trial import Fate, caches_here
except ImportError:
    missing("mutmut or coverage: make .venv/.proof installs them")

if TYPE_CHECKING:
    from pathlib import Path

    from proof.mutants.mutations import Mutant

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
"""Every git knows it, whatever a clone has of the history."""

SOURCE = '''\
"""A module."""

LIMIT = 1 + 2


class Till:
    """A class."""

    @property
    def total(self) -> int:
        """Return 1 + 2."""
        return 3 + 4


def say(what: str = "a" + "b") -> str:
    """Say it."""
    match what:
        case "x":
            return "left x" + what
        case _:
            raise ValueError("no such thing")
'''


def _mutants(tmp_path: Path, source: str = SOURCE) -> list[Mutant]:
    path = tmp_path / "netcancel" / "core" / "till.py"
    return list(mutants(path, source))


def test_only_the_bodies_of_functions_are_changed(tmp_path: Path) -> None:
    """Properties are; constants, docstrings, decorators and default values are not."""
    found = _mutants(tmp_path)
    assert {mutant.name for mutant in found} == {"core.till.Till.total", "core.till.say"}
    for mutant in found:
        assert "LIMIT = 1 + 2\n" in mutant.source
        assert '"""Return 1 + 2."""' in mutant.source
        assert 'what: str = "a" + "b"' in mutant.source


def test_each_mutant_is_shown_as_the_lines_that_it_changes(tmp_path: Path) -> None:
    """So a person finds it, and a list knows it again when lines have moved."""
    changes = [mutant.change for mutant in _mutants(tmp_path)]
    assert "return 3 + 4 => return 3 - 4" in changes
    assert 'case "x": return "left x" + what => ' in changes


def test_only_a_changed_sentence_is_wording(tmp_path: Path) -> None:
    """A sentence holds a space; what an error is raised with at all is no wording."""
    wording = {mutant.change for mutant in _mutants(tmp_path) if mutant.is_wording}
    assert 'raise ValueError("no such thing") => raise ValueError("NO SUCH THING")' in wording
    assert 'raise ValueError("no such thing") => raise ValueError(None)' not in wording
    assert all("such thing" in change or "left x" in change for change in wording)


def test_of_a_cast_only_the_value_is_changed(tmp_path: Path) -> None:
    """Its type does nothing when the code runs."""
    source = 'def whole(value: object) -> int:\n    return cast("int", 1 + f(value))\n'
    changes = [mutant.change for mutant in _mutants(tmp_path, source)]
    assert 'return cast("int", 1 + f(value)) => return cast("int", 1 - f(value))' in changes
    assert all('=> return cast("int", ' in change for change in changes)


def test_what_compiles_to_the_same_code_is_no_mutant(tmp_path: Path) -> None:
    """`+x` of a sum that Python itself works out is the sum."""
    source = "def zero() -> int:\n    return 0 + 0\n"
    assert "return 0 + 0 => return 0 - 0" not in [m.change for m in _mutants(tmp_path, source)]


def test_a_function_is_changed_when_its_code_is() -> None:
    """Comments and places don't count."""
    moved = f"\n\n{SOURCE}".replace("return 3 + 4", "return 3 + 4  # seven")
    assert functions(moved) == functions(SOURCE)
    changed = functions(SOURCE.replace("3 + 4", "3 + 5"))
    assert {name for name, tree in functions(SOURCE).items() if changed[name] != tree} == {
        "Till.total"
    }


def test_what_a_function_remembers_can_be_forgotten() -> None:
    """Else its mutants would never run, and survive."""
    assert _carried in caches_here()


def _report(tmp_path: Path, fates: dict[str, Fate], *, is_whole: bool = True) -> Report:
    tried = [mutant for mutant in _mutants(tmp_path) if mutant.function == "Till.total"]
    told = [(mutant, fates.get(mutant.change, Fate.KILLED)) for mutant in tried]
    return Report("core", tried, is_whole, told)


def test_a_survivor_must_be_listed(tmp_path: Path) -> None:
    """Known by its function and its change; whoever lists it says why."""
    change = "return 3 + 4 => return 3 - 4"
    report = _report(tmp_path, {change: Fate.SURVIVED}, is_whole=False)
    assert list(report.faults([])) == [f"core.till.Till.total: no test notices: {change}"]
    assert not list(report.faults([Listed("core.till.Till.total", change, "because")]))


@pytest.mark.parametrize("change", ["return 3 + 4 => return 3 - 4", "it was => it isn't there"])
def test_the_list_holds_nothing_that_is_noticed_or_gone(tmp_path: Path, change: str) -> None:
    """An entry of another room is that room's."""
    report = _report(tmp_path, {})
    there = Listed("core.till.Till.total", change, "because")
    elsewhere = Listed("kicc.till.Till.total", change, "because")
    (fault,) = report.faults([there, elsewhere])
    assert "survives no more" in fault


def test_a_low_score_fails_a_whole_run(tmp_path: Path) -> None:
    """Whatever the list says; an endless mutant has been noticed."""
    fates = dict.fromkeys((mutant.change for mutant in _mutants(tmp_path)), Fate.SURVIVED)
    report = _report(tmp_path, fates)
    known = [Listed(mutant.name, mutant.change, "because") for mutant, _ in report.fates]
    assert report.score == 0.0
    assert list(report.faults(known)) == ["core: a score of 0.00 is less than 95"]
    assert _report(tmp_path, dict.fromkeys(fates, Fate.ENDLESS)).score == 100.0


def test_every_listed_survivor_has_a_reason() -> None:
    """And is listed once."""
    entries = listed()
    assert len({(entry.function, entry.change) for entry in entries}) == len(entries)
    assert all(entry.reason.strip() for entry in entries)


def test_changed_is_what_a_commit_has_not() -> None:
    """Of the empty tree that is everything; a commit that isn't there is an error."""
    path = ROOT / "src" / "netcancel" / "kicc" / "seoul.py"
    assert "seoul_date_and_time" not in changed_functions(path, "HEAD")
    assert changed_functions(path, EMPTY_TREE) == {"seoul_date_and_time"}
    with pytest.raises(subprocess.CalledProcessError):
        changed_functions(path, "no-such-commit")
