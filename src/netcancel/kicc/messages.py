"""The three requests, and who sends them: checked when made, written once as bytes.

Every value is checked by `rules` according to its row in `fields`; the classes below only say
which fields they carry. A value that breaks a rule raises `InvalidRequest`, which names the field
and the rule and never shows the value, not in the chain of exceptions either.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, ClassVar, NoReturn, Self, cast

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Option

from netcancel.errors import InvalidRequest
from netcancel.kicc import strict_json
from netcancel.kicc.fields import (
    APPROVAL_FIELDS,
    CANCEL_FIELDS,
    FIELDS,
    NET_CANCEL_FIELDS,
    REQUEST_FIELDS,
    Field,
    Kind,
)
from netcancel.kicc.rules import broken_rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_AMOUNTS = frozenset({Kind.TOTAL, Kind.PART})

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

_WIRES = frozenset(field.wire for field in REQUEST_FIELDS)
_FOLDED_WIRES = frozenset(wire.casefold() for wire in _WIRES)

_NAME_CHARACTERS_MAX = 40
"""An unknown field's name is quoted up to this length; a longer one is no field's name."""


class _Checked(BaseModel):
    """Values that hold the manual's rules from the moment they exist; keyword-only, frozen."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", hide_input_in_errors=True)

    def __init__(self, **values: object) -> None:
        problem = _first_broken(type(self), values)
        if problem is None:
            super().__init__(**values)
            return
        values.clear()  # the frame of this call stays reachable from the exception
        raise problem

    # pydantic's own refusal of an assignment shows the value.
    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"{type(self).__name__} is frozen")


class _Sealed(_Checked):
    """Checked values with a secret among them: they are never pickled."""

    def __getstate__(self) -> NoReturn:
        raise TypeError(f"{type(self).__name__} holds a secret and is not pickled")


class Merchant(_Checked):
    """Who sells: terminal, service and business registration number.

    `channel_id` names whose credentials sign for it where there are several; None: the first.
    """

    tid: str
    svc_id: str
    bizr_no: str
    channel_id: str | None = None


class Credentials(_Sealed):
    """What signs requests; secret keys are plain strs that no repr, dump or pickle contains.

    `previous_secret_key` is tried for a net-cancel whose signature the gateway refuses: keys are
    changed while payments are in doubt.
    """

    channel_id: str
    secret_key: str = Option(repr=False, exclude=True)
    previous_secret_key: str | None = Option(default=None, repr=False, exclude=True)

    @property
    def previous(self) -> Credentials | None:
        """The credentials with the secret that was in force before; None: there was none."""
        if self.previous_secret_key is None:
            return None
        return Credentials(channel_id=self.channel_id, secret_key=self.previous_secret_key)


class _Request(_Checked):
    fields: ClassVar[tuple[Field, ...]]

    tid: str
    svc_id: str
    bizr_no: str
    merc_trx_no: str
    alot_month: str = "00"
    trx_amt: int
    vat_amt: int
    tran_dt: str
    tran_tm: str

    @classmethod
    def from_body(cls, body: bytes) -> Self:
        """Read a request from a JSON body; raise InvalidRequest for what breaks a rule."""
        read = _read(body)
        names = {field.wire: field.name for field in cls.fields}
        return cls.model_validate({names.get(k, k): value for k, value in read.items()})

    @classmethod
    def received(cls, body: bytes) -> Self:
        """Read a request that somebody else wrote; raise InvalidRequest for what breaks a rule.

        Fields of no request of ours are left aside, as a gateway does, unless a reader that takes
        no notice of capitals could take one for a field of the manual. An amount that may be left
        out counts as 0 (spec 1.1).
        """
        read = _read(body)
        if any(name not in _WIRES and name.casefold() in _FOLDED_WIRES for name in read):
            raise InvalidRequest("body", "has a field of the manual in other capitals")
        values = {field.name: read[field.wire] for field in cls.fields if field.wire in read}
        return cls.model_validate({"vat_amt": 0, "svc_amt": 0} | values)

    def to_body(self) -> bytes:
        """Write the JSON body, in the table's order: the bytes that are signed and sent."""
        return self._body(self.fields)

    def _body(self, fields: Sequence[Field]) -> bytes:
        values = ((field.wire, getattr(self, field.name)) for field in fields)
        return _written({wire: value for wire, value in values if value is not None})


class ApprovalRequest(_Request, _Sealed):
    """Asks to charge the registered card (spec 1.1)."""

    fields: ClassVar[tuple[Field, ...]] = APPROVAL_FIELDS

    token_key: str = Option(repr=False, exclude=True)
    svc_amt: int = 0
    tax_free_amt: int | None = None
    user_data: str | None = None

    def net_cancel_body(self) -> bytes:
        """Write the body that voids this: what `net_cancel_body` makes of the approval's."""
        return self._body(NET_CANCEL_FIELDS)


class CancelRequest(_Request):
    """Asks to refund an approved payment, in full, under a number of its own (spec 1.1, 3.7)."""

    fields: ClassVar[tuple[Field, ...]] = CANCEL_FIELDS

    svc_amt: int
    wcc: str
    cnd_trx_no: str
    org_aprv_dt: str
    org_aprv_no: str


class NetCancelRequest(_Request, _Sealed):
    """Asks to void a payment whose approval answer was lost (spec 2)."""

    fields: ClassVar[tuple[Field, ...]] = NET_CANCEL_FIELDS

    token_key: str = Option(repr=False, exclude=True)
    svc_amt: int


def net_cancel_body(approval_body: bytes) -> bytes:
    """Project an approval's bytes on the net-cancel's eleven fields, value by value (spec 3.2).

    A body without `svcAmt` or `vatAmt` gets 0 for it. Raises InvalidRequest where the body could
    not have been an approval's. Texts are only checked to be texts.
    """
    sent = {"vatAmt": 0, "svcAmt": 0} | _read(approval_body)
    for field in NET_CANCEL_FIELDS:
        if field.wire not in sent:
            raise InvalidRequest(field.name, "is required")
        if (rule := _broken_in_type(field, sent[field.wire], sent)) is not None:
            raise InvalidRequest(field.name, rule)
    return _written({field.wire: sent[field.wire] for field in NET_CANCEL_FIELDS})


def unknown_members(body: bytes, request: type[_Request]) -> dict[str, strict_json.Value]:
    """Return what a body has besides the fields of a request; raise InvalidRequest for no body."""
    known = {field.wire for field in request.fields}
    return {name: value for name, value in _read(body).items() if name not in known}


def _broken_in_type(field: Field, value: object, sent: Mapping[str, object]) -> str | None:
    if field.kind in _AMOUNTS:
        # The total stands before its parts: it was found to be a whole number.
        return broken_rule(field, value, total=cast("int", sent["trxAmt"]))
    return None if type(value) is str else "must be a str, not a subclass or another type"


def _written(members: Mapping[str, object]) -> bytes:
    return _ENCODER.encode(members).encode()


def _read(body: bytes) -> dict[str, strict_json.Value]:
    read = strict_json.read_object(body)
    if isinstance(read, strict_json.Unreadable):
        raise InvalidRequest("body", read.reason)
    return read


@cache
def _carried(model: type[_Checked]) -> tuple[tuple[Field, bool, bool], ...]:
    """Return a model's fields, and of each whether it is required and whether it may be None."""
    return tuple(
        (FIELDS[name], info.is_required(), info.default is None)
        for name, info in model.model_fields.items()
    )


def _first_broken(model: type[_Checked], values: Mapping[str, object]) -> InvalidRequest | None:
    """Name the first field, in the model's order, that is missing or breaks its rule, or is none.

    Before pydantic's own look and in one loop: a validator for each field takes half as long again.
    What keeps these rules, pydantic takes.
    """
    for field, is_required, may_be_none in _carried(model):
        value = values.get(field.name)
        if value is None and may_be_none:
            continue
        if field.name not in values:
            if is_required:
                return InvalidRequest(field.name, "is required")
            continue
        # Only parts look at it, and trx_amt stands before them: it was found to be a whole number.
        total = cast("int", values.get("trx_amt"))
        if (rule := broken_rule(field, value, total=total)) is not None:
            return InvalidRequest(field.name, rule)
    known = model.model_fields
    for name in values:
        if name not in known:
            shown = name if _is_name(name) else "field"
            return InvalidRequest(shown, "is not a field of this request")
    return None


def _is_name(text: str) -> bool:
    """Tell whether a text can be a field's name, and so be repeated: it could be anything."""
    return text.isascii() and text.isidentifier() and len(text) <= _NAME_CHARACTERS_MAX
