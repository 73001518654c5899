"""Full card numbers: found, so that they are refused in requests and masked in answers."""

from __future__ import annotations

import re

# In one piece or in the groups printed on cards. What merchants number by is let through, for a
# tenth of it passes the check digit and no card begins so: dates (20231225…) and milliseconds
# since the epoch (13 digits from 1 on).
_CANDIDATE = re.compile(
    r"(?<![0-9])"
    r"(?!20[0-9]{2}(?:0[1-9]|1[0-2])|1[0-9]{12}(?![0-9]))"
    r"(?:[0-9]{13,19}|[0-9]{4}(?:[ -][0-9]{4}){3}|[0-9]{4}[ -][0-9]{6}[ -][0-9]{4,5})"
    r"(?![0-9])",
)


def holds_card_number(text: str) -> bool:
    """Tell whether `text` contains 13 to 19 digits that look like a full card number."""
    return any(_has_check_digit(found[0]) for found in _CANDIDATE.finditer(text))


def mask_card_numbers(text: str) -> str:
    """Replace all but the first six and last four digits of every card number by asterisks."""
    return _CANDIDATE.sub(_masked, text)


def _masked(found: re.Match[str]) -> str:
    if not _has_check_digit(found[0]):
        return found[0]
    digits = _digits(found[0])
    return digits[:6] + "*" * (len(digits) - 10) + digits[-4:]


def _has_check_digit(number: str) -> bool:
    """Check ISO/IEC 7812-1's last digit (Luhn)."""
    digits = [int(digit) for digit in reversed(_digits(number))]
    doubled = (2 * digit - 9 if digit > 4 else 2 * digit for digit in digits[1::2])  # noqa: PLR2004  5 is the first whose double has two digits
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def _digits(number: str) -> str:
    return number.replace(" ", "").replace("-", "")
