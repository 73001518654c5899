"""Sets of result codes: exact codes and ranges, as the manual lists them and operators add them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from netcancel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

SUCCESS = "0000"
"""The only code of success (spec 1.2)."""

_CODE = re.compile(r"[!-~]{4}")
_DIGITS = re.compile(r"[0-9]{4}")
_RANGE = re.compile(r"([0-9]{4})-([0-9]{4})")


@dataclass(frozen=True, slots=True)
class Codes:
    """Result codes; `code in codes` is exact and takes any string. Made by `Codes.of`."""

    exact: frozenset[str] = frozenset()
    ranges: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, written: Iterable[str]) -> Self:
        """Read codes ("8521") and ranges ("8300-8399", both ends included).

        Raises ConfigurationError for any other shape, and for what contains "0000".
        """
        if isinstance(written, str):
            raise ConfigurationError("codes must be a collection of texts: write {'8521'}")
        exact: set[str] = set()
        ranges: set[tuple[str, str]] = set()
        for item in written:
            if type(item) is not str:
                raise ConfigurationError("a code must be a text: write '8521', with quotes")
            if found := _RANGE.fullmatch(item):
                ranges.add((found[1], found[2]))
            elif _CODE.fullmatch(item):
                exact.add(item)
            else:
                raise ConfigurationError(
                    "a code must have exactly four printable characters, a range the form 8300-8399"
                )
        return cls(frozenset(exact), frozenset(ranges))

    def __post_init__(self) -> None:
        if any(first > last for first, last in self.ranges):
            raise ConfigurationError("a range of codes must begin with its smaller end")
        if SUCCESS in self:
            raise ConfigurationError("0000 is the code of success: take it out of the codes")

    def __contains__(self, code: str) -> bool:
        if code in self.exact:
            return True
        # Four ASCII digits compare as text as they do as numbers.
        return _DIGITS.fullmatch(code) is not None and any(
            first <= code <= last for first, last in self.ranges
        )

    def meets(self, other: Codes) -> bool:
        """Whether a code is in both."""
        return (
            any(code in other for code in self.exact)
            or any(code in self for code in other.exact)
            or any(
                first <= other_last and other_first <= last
                for first, last in self.ranges
                for other_first, other_last in other.ranges
            )
        )

    def __or__(self, other: Codes) -> Codes:
        return Codes(self.exact | other.exact, self.ranges | other.ranges)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetCancelCodes:
    """Which refusals of a net-cancel count as done; none unless the operator says so (spec 3.4)."""

    nothing_to_void: Codes = Codes()
    already_voided: Codes = Codes()


MANUAL_DECLINE_CODES = Codes.of(
    (
        "8035",  # insufficient funds
        "8311",  # wrong card password
        "8314-8316",  # expiry date
        "8350",  # lost or stolen card
        "8373",  # contact the issuer
        "8521",  # limit exceeded
        "8527",  # insufficient points
    )
)
"""The issuer's refusals that the manual lists (spec 1.2)."""
