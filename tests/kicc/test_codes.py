"""Sets of result codes: exact, and refused when they can't be meant."""

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


PARTS = st.lists(st.sampled_from(["0001", "0002", "0001-0003", "0003-0004", "0004-0009", "E001"]))


@given(PARTS, PARTS)
def test_codes_meet_where_one_is_in_both(one: list[str], other: list[str]) -> None:
    """Said by looking at every code that there is."""
    left, right = Codes.of(one), Codes.of(other)
    every = [*(f"{n:04}" for n in range(12)), "E001"]
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


def test_codes_add_up() -> None:
    """Two sets join into one that holds the codes of both."""
    both = MANUAL_DECLINE_CODES | Codes.of({"9000-9001", "9100"})
    assert all(code in both for code in ("8521", "8315", "9000", "9001", "9100"))
    assert "9002" not in both
