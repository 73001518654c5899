"""One JSON object, read strictly: every byte string is either an object or unreadable.

UTF-8 without byte-order mark, nothing after the object, no key twice, no NaN or Infinity, limits
on size, depth and numbers. The standard reader alone lets all of these pass.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

BODY_BYTES_MAX = 65_536
"""Many times the longest answer of the manual; less than could hurt a small worker."""

DEPTH_MAX = 16
"""The manual's messages have depth 1; the standard reader recurses, so this is checked before."""

NUMBER_CHARACTERS_MAX = 640
"""The interpreter may be set to refuse longer whole numbers; no setting of it can go lower."""

Value = None | bool | int | float | str | list["Value"] | dict[str, "Value"]

# A string that never ends counts as one too: else each quote in it would be tried as a beginning.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_BRACKET = re.compile(r"[\[{\]}]")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a body is not one strict JSON object: words that follow "body", without its data."""

    reason: str


class _Refused(ValueError):
    """A rule beyond the grammar is broken; carries the reason."""


def read_object(body: bytes) -> dict[str, Value] | Unreadable:
    """Read `body` as one JSON object."""
    if len(body) > BODY_BYTES_MAX:
        return Unreadable(f"is longer than {BODY_BYTES_MAX} bytes")
    if not body.strip(b" \t\r\n"):
        return Unreadable("is empty")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Unreadable("is not UTF-8")
    if text.startswith("\ufeff"):
        return Unreadable("starts with a byte-order mark")
    if _is_deep(text):
        return Unreadable(f"is nested deeper than {DEPTH_MAX}")
    return _parse(text)


def _parse(text: str) -> dict[str, Value] | Unreadable:
    try:
        value: Value = _DECODER.decode(text)
    except _Refused as refused:
        return Unreadable(str(refused))
    except ValueError:
        return Unreadable("is not JSON")
    if not isinstance(value, dict):
        return Unreadable("is not a JSON object")
    return value


def _is_deep(text: str) -> bool:
    if text.count("{") + text.count("[") <= DEPTH_MAX:
        return False
    depth = 0
    for bracket in _BRACKET.findall(_STRING.sub("", text)):
        depth += 1 if bracket in "[{" else -1
        if depth > DEPTH_MAX:
            return True
    return False


def _object(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Refused("has a key twice")
    return members


def _int(digits: str) -> int:
    _check_length(digits)
    return int(digits)


def _float(digits: str) -> float:
    _check_length(digits)
    number = float(digits)
    if not math.isfinite(number):
        raise _Refused("holds a number beyond all bounds")
    return number


def _check_length(digits: str) -> None:
    if len(digits) > NUMBER_CHARACTERS_MAX:
        raise _Refused(f"holds a number of more than {NUMBER_CHARACTERS_MAX} characters")


def _constant(_name: str) -> Value:
    raise _Refused("holds NaN or Infinity")


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_int, parse_float=_float, parse_constant=_constant
)
