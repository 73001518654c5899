"""Which bodies are well formed: the sandbox's own reading of the field table (spec 1.1, 3.8)."""

import json
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Final, cast

AMOUNT_MAX: Final = 9_999_999_999


class Endpoint(StrEnum):
    """The three requests of the service."""

    APPROVAL = "approval"
    CANCEL = "cancel"
    NET_CANCEL = "net-cancel"


class FieldError(Exception):
    """A body that breaks a rule; the message names field and rule, never the value."""


@dataclass(frozen=True, slots=True)
class Text:
    """A String field: at most `bytes_max` bytes of UTF-8, and a rule for its characters."""

    bytes_max: int
    rule: str
    is_valid: Callable[[str], bool]

    def check(self, name: str, value: object) -> None:
        """Raise FieldError unless the value is such a text."""
        if type(value) is not str:
            message = f"{name}: must be a string"
            raise FieldError(message)
        if _byte_length(name, value) > self.bytes_max:
            message = f"{name}: at most {self.bytes_max} bytes"
            raise FieldError(message)
        if not self.is_valid(value):
            message = f"{name}: {self.rule}"
            raise FieldError(message)


@dataclass(frozen=True, slots=True)
class Amount:
    """A Number field: whole KRW within bounds."""

    least: int

    def check(self, name: str, value: object) -> None:
        """Raise FieldError unless the value is such an amount; True and 1.0 are not numbers."""
        if type(value) is not int:
            message = f"{name}: must be a whole number"
            raise FieldError(message)
        if not self.least <= value <= AMOUNT_MAX:
            message = f"{name}: must lie between {self.least} and {AMOUNT_MAX}"
            raise FieldError(message)


def _matches(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern)
    return lambda value: compiled.fullmatch(value) is not None


def _is_calendar_date(value: str) -> bool:
    if re.fullmatch(r"[0-9]{8}", value) is None:
        return False
    try:
        date(int(value[:4]), int(value[4:6]), int(value[6:]))
    except ValueError:
        return False
    return True


def _is_printable_text(value: str) -> bool:
    return all(unicodedata.category(character) not in {"Cc", "Cf"} for character in value)


def _printable_ascii(bytes_max: int) -> Text:
    return Text(bytes_max, "printable ASCII without spaces, not empty", _matches(r"[!-~]+"))


DATE: Final = Text(8, "a calendar date yyyyMMdd", _is_calendar_date)
TIME: Final = Text(6, "a time HHmmss", _matches(r"(?:[01][0-9]|2[0-3])[0-5][0-9][0-5][0-9]"))
PART: Final = Amount(0)

COMMON: Final[dict[str, Text | Amount]] = {
    "tid": _printable_ascii(10),
    "svcId": _printable_ascii(10),
    "bizrNo": Text(10, "ten ASCII digits", _matches(r"[0-9]{10}")),
    "mercTrxNo": _printable_ascii(40),
    "alotMonth": Text(2, "two ASCII digits", _matches(r"[0-9]{2}")),
    "trxAmt": Amount(1),
    "vatAmt": PART,
    "svcAmt": PART,
    "tranDt": DATE,
    "tranTm": TIME,
}
# Spec 3.3: an encrypted id doesn't fit the 40 bytes of the net-cancel table, so 128 hold for both.
TOKEN: Final[dict[str, Text | Amount]] = {"tokenKey": _printable_ascii(128)}

RULES: Final[dict[Endpoint, dict[str, Text | Amount]]] = {
    Endpoint.APPROVAL: COMMON
    | TOKEN
    | {
        "taxFreeAmt": PART,
        "userData": Text(512, "no control or format characters", _is_printable_text),
    },
    Endpoint.NET_CANCEL: COMMON | TOKEN,
    Endpoint.CANCEL: COMMON
    | {
        "wcc": Text(1, "T or G", _matches(r"[TG]")),
        "cndTrxNo": _printable_ascii(20),
        "orgAprvDt": DATE,
        "orgAprvNo": _printable_ascii(10),
    },
}
OPTIONAL: Final = {
    Endpoint.APPROVAL: frozenset({"vatAmt", "svcAmt", "taxFreeAmt", "userData"}),
    Endpoint.NET_CANCEL: frozenset[str](),
    Endpoint.CANCEL: frozenset[str](),
}
PARTS: Final = ("vatAmt", "svcAmt", "taxFreeAmt")


def read_fields(endpoint: Endpoint, body: bytes) -> dict[str, str | int]:
    """Read and check one request body; raises FieldError."""
    fields = read_json_object(body)
    rules = RULES[endpoint]
    for name in fields:
        if name not in rules:
            message = f"{_shown(name)}: unknown field"
            raise FieldError(message)
    for name, rule in rules.items():
        if name in fields:
            rule.check(name, fields[name])
        elif name not in OPTIONAL[endpoint]:
            message = f"{name}: missing"
            raise FieldError(message)
    checked: dict[str, str | int] = {
        name: value for name, value in fields.items() if isinstance(value, str | int)
    }
    _check_parts(checked)
    return checked


def read_json_object(body: bytes) -> dict[str, object]:
    """Read exactly one JSON object in UTF-8, without repeated keys; raises FieldError."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        message = "body: must be one JSON object in UTF-8 without repeated keys"
        raise FieldError(message) from None
    if not isinstance(value, dict):
        message = "body: must be a JSON object"
        raise FieldError(message)
    return cast("dict[str, object]", value)


def _check_parts(fields: dict[str, str | int]) -> None:
    for name in PARTS:
        if int(fields.get(name, 0)) > int(fields["trxAmt"]):
            message = f"{name}: must not exceed trxAmt"
            raise FieldError(message)


def _byte_length(name: str, value: str) -> int:
    try:
        return len(value.encode())
    except UnicodeEncodeError:
        message = f"{name}: must not hold a lone surrogate"
        raise FieldError(message) from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        message = "repeated key"
        raise ValueError(message)
    return found


def _no_constant(_name: str) -> object:
    message = "NaN and Infinity are not JSON"
    raise ValueError(message)


def _shown(name: str) -> str:
    """Shorten a stranger's field name for a message."""
    return ascii(name[:20])
