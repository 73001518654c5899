"""How each kind of field is checked: exact types, bytes, nothing trimmed, nothing repaired.

`bool`, `float`, `Decimal`, numpy's numbers and every subclass of `str` or `int` are refused:
what is checked must be what is signed and sent.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from netcancel.kicc.card_numbers import holds_card_number
from netcancel.kicc.fields import Field, Kind
from netcancel.kicc.text import is_safe

if TYPE_CHECKING:
    from collections.abc import Callable

AMOUNT_MAX = 9_999_999_999
"""The largest total in KRW (spec 3.8)."""

_Rule = tuple["Callable[[str], bool]", str]


def broken_rule(field: Field, value: object, *, total: int = AMOUNT_MAX) -> str | None:
    """Name the rule that `value` breaks, in words that follow the field's name; None if none.

    `total` is the request's trx_amt, which no part of it may exceed.
    """
    match field.kind:
        case Kind.TOTAL:
            return _broken_by_amount(value, range(1, AMOUNT_MAX + 1), str(AMOUNT_MAX))
        case Kind.PART:
            return _broken_by_amount(value, range(total + 1), "trx_amt")
        case _:
            return _broken_by_text(value, field)


def _broken_by_amount(value: object, allowed: range, largest: str) -> str | None:
    if type(value) is not int:
        return "must be an int, not a subclass or another number"
    return None if value in allowed else f"must be from {allowed.start} to {largest}"


def _broken_by_text(value: object, field: Field) -> str | None:
    if type(value) is not str:
        return "must be a str, not a subclass or another type"
    # A lone surrogate has no bytes in UTF-8; it is counted here and refused by its kind's rule.
    size = len(value.encode(errors="surrogatepass"))
    if field.max_bytes is not None and size > field.max_bytes:
        return f"must have at most {field.max_bytes} bytes in UTF-8"
    return next((words for holds, words in _RULES[field.kind] if not holds(value)), None)


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda text: compiled.fullmatch(text) is not None


def _is_calendar_date(text: str) -> bool:
    # The pattern comes first: the library's own parsers also take "2023111" and "2023-W01-1".
    try:
        date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return False
    return True


_PRINTABLE: _Rule = (_matches(r"[!-~]+"), "must be printable ASCII without spaces, and not empty")
# For text only: an order number is free, and a tenth of all digit runs passes a check digit.
_NO_CARD: _Rule = (lambda text: not holds_card_number(text), "must not hold a card number")

_RULES: dict[Kind, tuple[_Rule, ...]] = {
    Kind.IDENTIFIER: (_PRINTABLE,),
    Kind.REGISTRATION_NUMBER: ((_matches(r"[0-9]{10}"), "must be ten ASCII digits"),),
    # The manual names no longest term; 60 months is the longest that Korean issuers offer.
    Kind.INSTALMENTS: (
        (_matches(r"00|0[2-9]|[1-5][0-9]|60"), 'must be "00" or two digits from 02 to 60'),
    ),
    Kind.DATE: (
        (_matches(r"[0-9]{8}"), "must be eight ASCII digits, yyyyMMdd"),
        (_is_calendar_date, "must be a day of the calendar"),
    ),
    Kind.TIME: (
        (_matches(r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"), "must be 000000 to 235959, HHmmss"),
    ),
    Kind.TEXT: ((is_safe, "must hold no control or format character"), _NO_CARD),
    Kind.REFERENCE: ((_matches(r"[TG]"), 'must be "T" or "G"'),),
    Kind.CHANNEL: ((_matches(r"[A-Za-z0-9_-]+"), "must be letters, digits, _ and -"),),
    Kind.SECRET: (_PRINTABLE,),
}
