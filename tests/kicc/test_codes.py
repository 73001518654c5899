"""Sets of result codes: exact, and refused when they can't be meant."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcancel.errors import ConfigurationError
from netcancel.kicc import MANUAL_DECLINE_CODES, Codes


def test_codes_and_ranges_are_exact() -> None:
    """A code is in the set only as written, a range holds both ends and only four digits."""
    codes = Codes.of(["8521", "E001", "8300-8399", "83-1"])
    inside = {f"83{n:02}" for n in range(100)} | {"8521", "E001", "83-1"}
    assert {f"{n:04}" for n in range(10_000)} & inside == {
        f"{n:04}" for n in range(10_000) if f"{n:04}" in codes
    }
    assert "E001" in codes
    for other in ("", "852", "85211", " 8521", "8521\n", "8521-", "e001", "８３００", "8300-8399"):
        assert other not in codes
    assert "83-1" in codes
    assert "8521" not in Codes()


def test_codes_are_matched_exactly() -> None:
    """A configured code is no pattern and no substring."""
    codes = Codes.of({"7777"})
    assert "7777" in codes
    assert not any(code in codes for code in ("77777", "777", " 7777", "7777 ", "", "77٧7"))


PARTS = ("0001", "0002", "0001-0003", "0003-0004", "0004-0009", "E001")
SETS = [Codes.of(parts) for size in range(3) for parts in itertools.combinations(PARTS, size)]


def test_codes_meet_where_one_is_in_both() -> None:
    """Said by looking at every code that there is."""
    every = [*(f"{n:04}" for n in range(12)), "E001"]
    for left, right in itertools.product(SETS, SETS):
        assert left.meets(right) is any(code in left and code in right for code in every)


@given(st.text(st.characters(codec=None)))
def test_any_text_may_be_asked_for(text: str) -> None:
    """Membership never raises."""
    assert (text in MANUAL_DECLINE_CODES) is (
        text in "8521 8035 8314 8315 8316 8311 8350 8373 8527".split()
    )


@pytest.mark.parametrize(
    "written",
    [
        *([""], ["852"], ["85211"], ["8521 "], ["８５２１"], ["8300-83990"], ["8300–8399"]),
        *(["8399-8300"], ["A000-A999"], ["0000"], ["0000-0000"], ["0000-0100"], ["\n\n\n\n"]),
        *([8521], [None], [b"8521"], "8521", "8300-8399"),
    ],
    ids=repr,
)
def test_odd_codes_are_refused(written: Any) -> None:
    """Another shape, a range that runs backwards, and success itself are configuration errors."""
    with pytest.raises(ConfigurationError) as caught:
        Codes.of(written)
    assert len(str(caught.value)) > 20


def test_one_text_is_no_collection_of_codes() -> None:
    """It would be read as its characters: whoever forgot the set hears so."""
    with pytest.raises(ConfigurationError, match="must be a collection of texts"):
        Codes.of("8521")


def test_a_range_may_hold_one_code() -> None:
    """Its ends are both in it, and may be the same."""
    codes = Codes.of({"8300-8300"})
    assert [code for code in ("8299", "8300", "8301") if code in codes] == ["8300"]


def test_codes_add_up() -> None:
    """Two sets join into one that holds the codes of both."""
    both = MANUAL_DECLINE_CODES | Codes.of({"9000-9001", "9100"})
    assert all(code in both for code in ("8521", "8315", "9000", "9001", "9100"))
    assert "9002" not in both
