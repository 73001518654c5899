"""A test may be skipped only for what this machine lacks, and never in CI."""

import re

import pytest

from tests.house.tree import ROOT, TESTS, name_of

SKIP = re.compile(r"pytest[.]skip\b|skipif|mark[.]skip|importorskip|unittest[.]skip|SkipTest")
FILE = """
import pytest
from tests.missing import missing
def test_one(): missing("mariadbd")
def test_two(): missing("a network namespace")
def test_three(): missing("mariadbd")
"""
MODULE = """
from tests.missing import missing
missing("initdb")
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """Return a place with tests that miss something, under this project's conftest."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # a faster start
    pytester.makeini("[pytest]\naddopts = -p xdist -p tests.conftest -p no:cacheprovider")
    pytester.makepyfile(test_tests=FILE, test_module=MODULE)
    return pytester


def test_skips_are_counted_and_named(run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end stands how many tests and modules were skipped, and what was missing."""
    monkeypatch.delenv("CI", raising=False)
    result = run.runpytest_subprocess("-n", "2")
    result.assert_outcomes(skipped=4)
    result.stdout.fnmatch_lines(
        [
            "skipped because something is missing: 4",
            "  a network namespace",
            "  initdb",
            "  mariadbd",
        ]
    )
    assert "4 skipped" in result.outlines[-1]


def test_nothing_may_be_missing_in_ci(
    run: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With CI=true the same tests fail, the module can't be collected, and both say why."""
    monkeypatch.setenv("CI", "true")
    result = run.runpytest_subprocess("--continue-on-collection-errors")
    result.assert_outcomes(failed=3, errors=1)
    result.stdout.fnmatch_lines_random(["*missing here: mariadbd*", "*missing here: initdb*"])


def test_there_is_no_other_way_to_skip() -> None:
    """Every skip goes through tests/missing.py, so that CI sees it."""
    exempt = {"tests/missing.py", "tests/house/test_missing.py"}
    assert [
        f"{name_of(path)}: {line.strip()}"
        for path in TESTS
        if name_of(path) not in exempt
        for line in path.read_text(encoding="utf-8").splitlines()
        if SKIP.search(line)
    ] == []
