"""What an approval's answer says, kept in a form that is safe to store and to show."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, cast

from netcancel.kicc.card_numbers import mask_card_numbers, mask_digits
from netcancel.kicc.fields import ANSWER_FIELDS
from netcancel.kicc.text import REMOVED, escape, message, redact, shows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.kicc.strict_json import Value

_ENCODER = json.JSONEncoder(separators=(",", ":"))

_FLOAT_MAX = 1e12
"""Floats from 13 digits on are removed: the manual has none, and a card number could be one."""

_NUMBERS = frozenset({"mercTrxNo", "vanTrxNo"})
"""What names a payment: masked by a chance of digits, it would name none."""

_KNOWN = frozenset(row.wire for row in ANSWER_FIELDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAnswer:
    """An approval's answer by the manual's fields; None where absent or of another type.

    `extra` holds everything else under its wire name, known fields of an odd type included.
    """

    resp_cd: str | None = None
    resp_msg: str | None = None
    tid: str | None = None
    svc_id: str | None = None
    bizr_no: str | None = None
    merc_trx_no: str | None = None
    trx_amt: int | None = None
    aprv_no: str | None = None
    aprv_dt: str | None = None
    van_trx_no: str | None = None
    trx_dt: str | None = None
    trx_tm: str | None = None
    card_confirm_no: str | None = None
    user_data: str | None = None
    extra: Mapping[str, Value] = field(default_factory=dict[str, "Value"], hash=False)

    @classmethod
    def of(cls, members: Mapping[str, Value]) -> Self:
        """Sort the members of an answer's object by the manual's fields."""
        known: dict[str, Any] = {
            row.name: members[row.wire]
            for row in ANSWER_FIELDS
            if type(members.get(row.wire)) is row.type
        }
        taken = {row.wire for row in ANSWER_FIELDS if row.name in known}
        return cls(**known, extra={k: v for k, v in members.items() if k not in taken})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote; anything else raises `ValueError`."""
        try:
            members: Any = json.loads(text)
        except RecursionError:
            raise ValueError("nested too deep to be an answer") from None
        if type(members) is not dict:
            raise ValueError("not an object")
        return cls.of(cast("dict[str, Value]", members))

    def to_json(self) -> str:
        """Write the answer as one JSON object of wire names, in ASCII, for the journal."""
        return _ENCODER.encode(self._members())

    def without(self, secret: str) -> Self:
        """Replace every text that contains `secret` or its beginning by "[removed]"."""
        return self.of(redacted_members(self._members(), secret))

    def _members(self) -> dict[str, Value]:
        values = ((row.wire, getattr(self, row.name)) for row in ANSWER_FIELDS)
        return {wire: value for wire, value in values if value is not None} | dict(self.extra)


def redacted_members(members: Mapping[str, Value], secret: str) -> dict[str, Value]:
    """Make an answer's members harmless: no `secret`, no full card number, nothing unprintable."""
    return {
        key if key in _KNOWN else _clean(key, secret): _member(key, value, secret)
        for key, value in members.items()
    }


def _member(key: str, value: Value, secret: str) -> Value:
    if key == "respMsg" and isinstance(value, str):
        return message(value, secret)
    if key in _NUMBERS and isinstance(value, str) and not shows(value, secret):
        return escape(value)
    if key == "trxAmt" and type(value) is int:
        return value
    # Masked by the gateway, if it does as the manual says; whatever it sends, it is so here.
    if key == "cardConfirmNo":
        text = redact(str(value), secret)
        if (masked := mask_digits(text)) != text:
            return masked
    return _harmless(value, secret)


def _harmless(value: Value, secret: str) -> Value:
    match value:
        case str():
            return _clean(value, secret)
        case float() if abs(value) >= _FLOAT_MAX:
            # Rounded, a card number may fail its check digit and still be readable.
            return REMOVED
        case int() if "*" in (masked := mask_card_numbers(str(value))):
            return masked
        case list():
            return [_harmless(item, secret) for item in value]
        case dict():
            return {_clean(k, secret): _harmless(v, secret) for k, v in value.items()}
        case _:
            return value


def _clean(text: str, secret: str) -> str:
    return escape(redact(text, secret))
