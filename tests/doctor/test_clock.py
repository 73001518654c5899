"""Clocks that differ, and what of it is certain."""

from __future__ import annotations

import pytest

from netcancel.doctor import Level
from netcancel.doctor.clock import agreement, difference, is_synchronised, synchronisation
from tests.doctor.conftest import level_of


@pytest.mark.parametrize(
    ("seconds", "level", "words"),
    [
        (0.0, Level.OK, "agree"),
        (2.0, Level.OK, "agree"),
        (2.1, Level.WARN, "2.1 s ahead of"),
        (-2.1, Level.WARN, "2.1 s behind"),
        (30.0, Level.WARN, "30.0 s ahead of"),
        (-30.1, Level.FAIL, "30.1 s behind"),
    ],
)
def test_a_difference_is_judged(seconds: float, level: Level, words: str) -> None:
    """More than 2 s is worth a look, more than 30 s is a fault."""
    assert level_of([agreement("the gateway's", seconds)], words) is level


@pytest.mark.parametrize(
    ("theirs", "ours", "seconds"),
    [
        ((100.0, 101.0), (100.5, 100.6), 0.0),
        ((100.0, 101.0), (95.0, 105.0), 0.0),
        ((100.0, 101.0), (90.0, 95.0), 5.0),
        ((100.0, 101.0), (103.0, 110.0), -2.0),
        ((100.0, 100.0), (100.0, 100.0), 0.0),
    ],
)
def test_a_difference_is_what_is_certain(
    theirs: tuple[float, float], ours: tuple[float, float], seconds: float
) -> None:
    """A slow answer makes no clock wrong: only what no moment explains counts."""
    assert difference(theirs, ours) == seconds


@pytest.mark.parametrize(
    ("state", "level", "words"),
    [
        (True, Level.OK, "is synchronised"),
        (False, Level.WARN, "nothing synchronises"),
        (None, Level.WARN, "can't be told"),
    ],
)
def test_synchronisation_is_told(state: bool | None, level: Level, words: str) -> None:
    """A clock that nobody keeps, and a kernel that doesn't say, are worth a look."""
    assert level_of(synchronisation(state), words) is level


def test_the_kernel_is_asked() -> None:
    """Asking is harmless, and an answer is yes, no, or none."""
    assert is_synchronised() in (True, False, None)
