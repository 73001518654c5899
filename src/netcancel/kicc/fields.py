"""The manual's fields, each written once: messages, projections and docs come from this table.

Lengths are bytes of UTF-8, not characters. What the manual leaves open is decided in spec 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Kind(Enum):
    """What a value must look like; `rules` says how each kind is checked."""

    IDENTIFIER = auto()
    REGISTRATION_NUMBER = auto()
    INSTALMENTS = auto()
    TOTAL = auto()
    PART = auto()
    DATE = auto()
    TIME = auto()
    TEXT = auto()
    REFERENCE = auto()
    CHANNEL = auto()
    SECRET = auto()


class Presence(Enum):
    """Whether a message carries a field."""

    REQUIRED = "yes"
    OPTIONAL = "optional"
    ABSENT = "no"


@dataclass(frozen=True, slots=True)
class Field:
    """One row of spec 1: a field's names, its shape, and which request carries it."""

    wire: str
    name: str
    kind: Kind
    max_bytes: int | None
    approval: Presence
    cancel: Presence
    net_cancel: Presence
    meaning: str
    section: str


_YES, _OPT, _NO = Presence.REQUIRED, Presence.OPTIONAL, Presence.ABSENT

# In the order in which a body is written. The manual gives tokenKey 40 bytes in a net-cancel and
# 128 in an approval; both carry the same string, so both have 128 (spec 3.3).
# ruff: noqa: E501  a table reads by its columns
# fmt: off
REQUEST_FIELDS = (
    Field("tid",        "tid",          Kind.IDENTIFIER,          10,   _YES, _YES, _YES, "terminal ID", "1.1"),
    Field("svcId",      "svc_id",       Kind.IDENTIFIER,          10,   _YES, _YES, _YES, "simple-payment service ID", "1.1"),
    Field("bizrNo",     "bizr_no",      Kind.REGISTRATION_NUMBER, 10,   _YES, _YES, _YES, "business registration number", "1.1"),
    Field("mercTrxNo",  "merc_trx_no",  Kind.IDENTIFIER,          40,   _YES, _YES, _YES, "merchant transaction number; 20 bytes advised", "3.3"),
    Field("tokenKey",   "token_key",    Kind.IDENTIFIER,          128,  _YES, _NO,  _YES, "AES-256-encrypted authorizationId", "3.3"),
    Field("alotMonth",  "alot_month",   Kind.INSTALMENTS,         2,    _YES, _YES, _YES, "instalments in months, 00 = lump sum", "1.1"),
    Field("trxAmt",     "trx_amt",      Kind.TOTAL,               None, _YES, _YES, _YES, "total in KRW", "3.8"),
    Field("vatAmt",     "vat_amt",      Kind.PART,                None, _YES, _YES, _YES, "value-added tax in it; always sent", "3.2"),
    Field("svcAmt",     "svc_amt",      Kind.PART,                None, _YES, _YES, _YES, "service charge in it; always sent", "3.2"),
    Field("taxFreeAmt", "tax_free_amt", Kind.PART,                None, _OPT, _NO,  _NO,  "tax-free part of it", "1.1"),
    Field("tranDt",     "tran_dt",      Kind.DATE,                8,    _YES, _YES, _YES, "merchant's date in Seoul, yyyyMMdd", "3.8"),
    Field("tranTm",     "tran_tm",      Kind.TIME,                6,    _YES, _YES, _YES, "merchant's time in Seoul, HHmmss", "3.8"),
    Field("userData",   "user_data",    Kind.TEXT,                512,  _OPT, _NO,  _NO,  "text that is echoed back", "3.8"),
    Field("wcc",        "wcc",          Kind.REFERENCE,           1,    _NO,  _YES, _NO,  "whose number cndTrxNo is: T the VAN's, G the merchant's", "1.1"),
    Field("cndTrxNo",   "cnd_trx_no",   Kind.IDENTIFIER,          20,   _NO,  _YES, _NO,  "the original's vanTrxNo or mercTrxNo", "1.1"),
    Field("orgAprvDt",  "org_aprv_dt",  Kind.DATE,                8,    _NO,  _YES, _NO,  "the original's approval date", "1.1"),
    Field("orgAprvNo",  "org_aprv_no",  Kind.IDENTIFIER,          10,   _NO,  _YES, _NO,  "the original's approval number", "1.1"),
)

CREDENTIAL_FIELDS = (
    Field("X-KICC-ChannelId", "channel_id", Kind.CHANNEL,         64,   _NO,  _NO,  _NO,  "issued channel ID", "1.3"),
    Field("SecretKey",        "secret_key", Kind.SECRET,          512,  _NO,  _NO,  _NO,  "issued key of the signature; never sent", "1.3"),
    Field("SecretKey",        "previous_secret_key", Kind.SECRET, 512,  _NO,  _NO,  _NO,  "the key that was in force before", "1.3"),
)
# fmt: on

APPROVAL_FIELDS = tuple(f for f in REQUEST_FIELDS if f.approval is not Presence.ABSENT)
CANCEL_FIELDS = tuple(f for f in REQUEST_FIELDS if f.cancel is not Presence.ABSENT)
NET_CANCEL_FIELDS = tuple(f for f in REQUEST_FIELDS if f.net_cancel is not Presence.ABSENT)

FIELDS = {f.name: f for f in (*REQUEST_FIELDS, *CREDENTIAL_FIELDS)}
"""Every field by its snake-case name."""


@dataclass(frozen=True, slots=True)
class AnswerField:
    """One row of spec 1.2: a field of an approval's answer and the type that we rely on."""

    wire: str
    name: str
    type: type[str | int]
    meaning: str


# The manual's table of this answer was not visible; aprvNo, aprvDt and trxAmt are named by the
# cancel page (spec 1.2). No length is enforced: only what spec 3.1 names can decide.
ANSWER_FIELDS = (
    AnswerField("respCd", "resp_cd", str, "result code, 0000 = success"),
    AnswerField("respMsg", "resp_msg", str, "result message"),
    AnswerField("tid", "tid", str, "terminal ID"),
    AnswerField("svcId", "svc_id", str, "simple-payment service ID"),
    AnswerField("bizrNo", "bizr_no", str, "business registration number"),
    AnswerField("mercTrxNo", "merc_trx_no", str, "merchant transaction number"),
    AnswerField("trxAmt", "trx_amt", int, "approved amount in KRW"),
    AnswerField("aprvNo", "aprv_no", str, "approval number"),
    AnswerField("aprvDt", "aprv_dt", str, "approval date, yyyyMMdd"),
    AnswerField("vanTrxNo", "van_trx_no", str, "the VAN's transaction number"),
    AnswerField("trxDt", "trx_dt", str, "date at the VAN, yyyyMMdd"),
    AnswerField("trxTm", "trx_tm", str, "time at the VAN, HHmmss"),
    AnswerField("cardConfirmNo", "card_confirm_no", str, "card number as the gateway masks it"),
    AnswerField("userData", "user_data", str, "the request's text, echoed"),
)
