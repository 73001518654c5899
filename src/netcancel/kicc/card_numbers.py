"""Full card numbers: found, so that they are refused in requests and masked in answers."""

from __future__ import annotations

import re
from unicodedata import decimal

# What issuers give out (ISO/IEC 7812): by first digits and length; 9 is Korea's own. Numbers of
# other shapes are what merchants number by, and a tenth of those passes the check digit: dates
# (20231225…), milliseconds since the epoch, snowflakes.
_SHAPES = r"4[0-9]{12}|3[0-9]{13,15}|(?:2[2-7]|[4569][0-9])[0-9]{14}|[456][0-9]{16,18}"
_GROUPS = r"[2-69][0-9]{3}(?:[ .-][0-9]{4}){3}|3[0-9]{3}[ .-][0-9]{6}[ .-][0-9]{4,5}"
_CANDIDATE = re.compile(rf"(?<![0-9])(?:{_SHAPES}|{_GROUPS})(?![0-9])")
"""In one piece, or in the groups printed on cards."""

_FULL_WIDTH = {ord(c) + 0xFEE0: c for c in "0123456789.-"} | {0x3000: " "}
"""The forms that Korean keyboards write, character by character: positions stay."""

_CARD_DIGITS_MIN = 13
"""The shortest card number; a masked one shows ten digits at most."""


def holds_card_number(text: str) -> bool:
    """Tell whether `text` contains digits that look like a full card number."""
    candidates = _CANDIDATE.finditer(_half_width(text))
    return any(_has_check_digit(found[0]) for found in candidates)


def mask_card_numbers(text: str) -> str:
    """Replace all but the first six and last four digits of every card number by asterisks."""
    if len(text) < _CARD_DIGITS_MIN:
        return text
    pieces: list[str] = []
    done = 0
    for found in _CANDIDATE.finditer(_half_width(text)):
        if _has_check_digit(found[0]):
            pieces += text[done : found.start()], _masked(_digits(found[0]))
            done = found.end()
    return "".join(pieces) + text[done:]


def mask_digits(text: str) -> str:
    """Return a text as it is, or only its masked digits where they could be a whole card number.

    For what must be a masked number: neither shape nor check digit nor separators are asked for.
    """
    digits = "".join(str(decimal(c)) for c in text if c.isdecimal())
    return text if len(digits) < _CARD_DIGITS_MIN else _masked(digits)


def _half_width(text: str) -> str:
    return text if text.isascii() else text.translate(_FULL_WIDTH)


def _masked(digits: str) -> str:
    return digits[:6] + "*" * (len(digits) - 10) + digits[-4:]


def _has_check_digit(number: str) -> bool:
    """Check ISO/IEC 7812-1's last digit (Luhn)."""
    digits = [int(digit) for digit in reversed(_digits(number))]
    doubled = (2 * digit - 9 if digit > 4 else 2 * digit for digit in digits[1::2])  # noqa: PLR2004  5 is the first whose double has two digits
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _digits(number: str) -> str:
    return number.replace(" ", "").replace(".", "").replace("-", "")
