"""How a settlement file is laid out: which column is what, and how its cells are written.

A layout comes from a small TOML file, a profile, and from flags, which win over it. The defaults
are the manual's wire names.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import dataclass, fields
from datetime import date
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, Self, cast

from netcancel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

ENCODINGS: Final = ("utf-8", "cp949")
DELIMITERS: Final = (",", ";", "|", "^", "\t")

DEFAULT_COLUMNS: Final = {
    "number_column": "mercTrxNo",
    "amount_column": "trxAmt",
    "date_column": "tranDt",
    "tid_column": "tid",
    "approval_number_column": "aprvNo",
}
"""The manual's names; there is none for the kind of a row."""

NEEDED: Final = frozenset({"number_column", "amount_column"})
"""Every file has these; of the others, those that keep their default may be missing."""

COLUMNS: Final = (*DEFAULT_COLUMNS, "kind_column")

WORDS: Final = frozenset({"refund_value", "charge_value"})
"""These may be several values."""

PROFILE_BYTES_MAX: Final = 65_536
"""No profile is longer: a larger file is another one."""

_PARTS: Final = {
    "yyyy": "(?P<year>[0-9]{4})",
    "yy": "(?P<short>[0-9]{2})",
    "MM": "(?P<month>[0-9]{2})",
    "dd": "(?P<day>[0-9]{2})",
    "HH": "[0-9]{2}",
    "mm": "[0-9]{2}",
    "ss": "[0-9]{2}",
}
_PART: Final = re.compile("(yyyy|yy|MM|dd|HH|mm|ss)")

DATES_KEPT: Final = 4_096
"""A file has few dates and many rows: this many are remembered."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a settlement file has what; a column that is None keeps its default name."""

    number_column: str | None = None
    amount_column: str | None = None
    date_column: str | None = None
    tid_column: str | None = None
    approval_number_column: str | None = None
    kind_column: str | None = None
    refund_value: tuple[str, ...] = ()
    """What the kind column says of a refund."""
    charge_value: tuple[str, ...] = ()
    """What it says of a charge; empty: the one other value that the file has."""
    delimiter: str = ","
    encoding: str = "utf-8"
    date_format: str = "yyyyMMdd"

    def __post_init__(self) -> None:
        if self.encoding not in ENCODINGS:
            raise ConfigurationError(f"a settlement file's encoding is {' or '.join(ENCODINGS)}")
        if self.delimiter not in DELIMITERS:
            raise ConfigurationError(
                f"a delimiter is one of {' '.join(DELIMITERS[:-1])} or the word tab"
            )
        if (self.kind_column is None) is not (not self.refund_value):
            raise ConfigurationError("kind_column and refund_value go together: give both or none")
        if self.charge_value and self.kind_column is None:
            raise ConfigurationError("charge_value needs kind_column and refund_value")
        if set(self.charge_value) & set(self.refund_value):
            raise ConfigurationError("one value can't be both a charge and a refund")
        named = [name for role in COLUMNS if (name := self.column(role)) is not None]
        if "" in named or len(set(named)) < len(named):
            raise ConfigurationError("each column has a name, and each is mapped once")
        _ = self.date_of  # a wrong pattern is said before a file is read

    @classmethod
    def of(cls, profile: Path | None, flags: Mapping[str, object]) -> Self:
        """Read a profile, and lay what the flags say over it; a flag that is None says nothing.

        Raises `ConfigurationError` with a sentence that names what is wrong.
        """
        values = {} if profile is None else _read_profile(profile)
        values |= {name: value for name, value in flags.items() if value is not None}
        checked: dict[str, Any] = {name: _value(name, value) for name, value in values.items()}
        return cls(**checked)

    def column(self, role: str) -> str | None:
        """Return the column that is looked for; None: this layout has none."""
        told: str | None = getattr(self, role)
        return DEFAULT_COLUMNS.get(role) if told is None else told

    def must_have(self, role: str) -> bool:
        """Whether a file without this column can't be the one that is meant."""
        return role in NEEDED or getattr(self, role) is not None

    @cached_property
    def date_of(self) -> Callable[[str], str | None]:
        """What reads a date by the layout's pattern, as yyyyMMdd; None: it is no date."""
        parts = _PART.split(self.date_format)
        has = [part for part in parts if part in _PARTS]
        years = sum(part in {"yyyy", "yy"} for part in has)
        if len(set(has)) < len(has) or years != 1 or not {"MM", "dd"} <= set(has):
            raise ConfigurationError(
                "a date format has yyyy or yy, MM and dd once each, such as yyyy-MM-dd"
                " or yyyy-MM-dd HH:mm:ss"
            )
        pattern = re.compile("".join(_PARTS.get(part, re.escape(part)) for part in parts))

        @lru_cache(DATES_KEPT)
        def read(cell: str) -> str | None:
            found = pattern.fullmatch(cell)
            return None if found is None else _calendar_date(found.groupdict())

        return read


def is_date(text: str) -> bool:
    """Whether a text is a date of the calendar, written yyyyMMdd."""
    return Layout().date_of(text) is not None


def _calendar_date(found: Mapping[str, str]) -> str | None:
    year = int(found["year"]) if "year" in found else 2000 + int(found["short"])
    try:
        return date(year, int(found["month"]), int(found["day"])).strftime("%Y%m%d")
    except ValueError:
        return None


def _read_profile(path: Path) -> dict[str, object]:
    called = f"the profile {path.name!a}"
    try:
        with path.open("rb") as file:
            content = file.read(PROFILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationError(f"{called} can't be read: {error.strerror}") from None
    if len(content) > PROFILE_BYTES_MAX:
        raise ConfigurationError(f"{called} is larger than any: is it the right file?")
    try:
        values: dict[str, Any] = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise ConfigurationError(f"{called} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{called} is not TOML: {error}") from None
    known = sorted(field.name for field in fields(Layout))
    for name in values:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise ConfigurationError(f"{called}: {name!a} means nothing there; {hint}")
    return dict(values)


def _value(name: str, value: object) -> object:
    """Check the type of a profile's value; the word tab stands for the character."""
    if name in WORDS:
        words = cast("list[object]", value) if isinstance(value, list) else [value]
        if not all(isinstance(word, str) for word in words):
            raise ConfigurationError(f"{name} must be a text, or a list of texts")
        return tuple(words)
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} must be a text")
    return "\t" if name == "delimiter" and value == "tab" else value
