"""The judge: any reception becomes a verdict; nothing raises and nothing guesses (spec 3.1).

A proof is an answer that was complete within the deadline, HTTP 200, without content coding,
whose body is one strict JSON object with `respCd` of exactly four ASCII characters, and whose
echoes, where present, are ours. Without a proof the verdict is `AnswerLost`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Self

from netcancel.kicc import strict_json, text
from netcancel.kicc.answers import ApprovalAnswer, redacted_members
from netcancel.kicc.codes import SUCCESS
from netcancel.kicc.messages import ApprovalRequest, CancelRequest, NetCancelRequest
from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reception
from netcancel.kicc.verdicts import (
    Acknowledged,
    Acknowledgement,
    AmountDiffers,
    AnswerLost,
    ApprovalProven,
    ApprovalVerdict,
    CancelProven,
    CancelVerdict,
    DeclineProven,
    Loss,
    NetCancelVerdict,
    Refused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.kicc.codes import Codes, NetCancelCodes
    from netcancel.kicc.strict_json import Value

CODE_CHARACTERS = 4

ECHOED_NUMBER_BYTES = 20
"""The net-cancel's answer has room for this much of the merchant transaction number (spec 3.3)."""

_LOSS_OF = {
    Break.DEADLINE: Loss.READ_TIMEOUT,
    Break.CONNECTION: Loss.CONNECTION_ERROR,
    Break.UNINTELLIGIBLE: Loss.PARSING_ERROR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What an answer must echo to be ours, and the token that must not come back in it."""

    tid: str
    svc_id: str
    bizr_no: str
    merc_trx_no: str
    trx_amt: int
    token_key: str = field(default="", repr=False)

    @classmethod
    def of(cls, request: ApprovalRequest | CancelRequest | NetCancelRequest) -> Self:
        """Expect the echo of `request`."""
        return cls(
            tid=request.tid,
            svc_id=request.svc_id,
            bizr_no=request.bizr_no,
            merc_trx_no=request.merc_trx_no,
            trx_amt=request.trx_amt,
            token_key="" if isinstance(request, CancelRequest) else request.token_key,
        )

    @classmethod
    def of_body(cls, body: bytes) -> Self:
        """Expect the echo of a frozen net-cancel body; raise InvalidRequest if it isn't one."""
        return cls.of(NetCancelRequest.from_body(body))


def judge_approval(
    reception: Reception, expected: Expected, decline_codes: Codes
) -> ApprovalVerdict:
    """Say what an answer to an approval proves."""
    reply = _read(reception, expected)
    if isinstance(reply, AnswerLost):
        return reply
    if reply.code == SUCCESS:
        return _judge_amount(reply, expected)
    if reply.code in decline_codes:
        return DeclineProven(reply.code, reply.message)
    shown = text.escape(reply.code)
    return AnswerLost(
        Loss.AMBIGUOUS_CODE,
        f"code {shown} proves neither an approval nor a decline",
        code=shown,
        status=HTTPStatus.OK,
    )


def judge_net_cancel(
    reception: Reception, expected: Expected, codes: NetCancelCodes
) -> NetCancelVerdict:
    """Say what an answer to a net-cancel proves; it may echo our number's first 20 bytes."""
    reply = _read(reception, expected, number_may_be_cut=True)
    if isinstance(reply, AnswerLost):
        return reply
    if reply.code == SUCCESS:
        return Acknowledged(Acknowledgement.VOIDED, reply.code, reply.message)
    # A code that is configured as both means the weaker of the two.
    if reply.code in codes.nothing_to_void:
        return Acknowledged(Acknowledgement.NOTHING_TO_VOID, reply.code, reply.message)
    if reply.code in codes.already_voided:
        return Acknowledged(Acknowledgement.ALREADY_VOIDED, reply.code, reply.message)
    return Refused(text.escape(reply.code), reply.message)


def judge_cancel(reception: Reception, expected: Expected) -> CancelVerdict:
    """Say what an answer to a cancel proves."""
    reply = _read(reception, expected)
    if isinstance(reply, AnswerLost):
        return reply
    if reply.code != SUCCESS:
        return Refused(text.escape(reply.code), reply.message)
    told = {"respCd", "respMsg"}
    extra = {k: v for k, v in reply.harmless(expected).items() if k not in told}
    return CancelProven(reply.code, reply.message, extra)


@dataclass(frozen=True, slots=True)
class _Reply:
    """An intelligible answer that is ours."""

    code: str
    message: str
    members: Mapping[str, Value]

    def harmless(self, expected: Expected) -> dict[str, Value]:
        return redacted_members(self.members, expected.token_key)


def _judge_amount(reply: _Reply, expected: Expected) -> ApprovalVerdict:
    answer = ApprovalAnswer.of(reply.harmless(expected))
    if "trxAmt" not in reply.members:
        return ApprovalProven(answer, amount_was_absent=True)
    approved = reply.members["trxAmt"]
    if type(approved) is not int:
        return _unintelligible("trxAmt is not a whole number", HTTPStatus.OK)
    if approved != expected.trx_amt:
        return AmountDiffers(answer, expected.trx_amt, approved)
    return ApprovalProven(answer)


def _read(
    reception: Reception, expected: Expected, *, number_may_be_cut: bool = False
) -> _Reply | AnswerLost:
    if isinstance(reception, NoAnswer):
        return AnswerLost(
            _LOSS_OF[reception.why], reception.detail, never_left=reception.never_left
        )
    if reception.status != HTTPStatus.OK:
        detail = f"HTTP status {reception.status} instead of 200"
        return _unintelligible(detail, reception.status)
    if _is_coded(reception):
        return _unintelligible("the answer has a content coding", HTTPStatus.OK)
    members = strict_json.read_object(reception.body)
    if isinstance(members, strict_json.Unreadable):
        return _unintelligible(f"the body {members.reason}", HTTPStatus.OK)
    return _recognise(members, expected, number_may_be_cut=number_may_be_cut)


def _recognise(
    members: Mapping[str, Value], expected: Expected, *, number_may_be_cut: bool
) -> _Reply | AnswerLost:
    number = expected.merc_trx_no
    ours = {
        "tid": (expected.tid,),
        "svcId": (expected.svc_id,),
        "bizrNo": (expected.bizr_no,),
        "mercTrxNo": (number, number[:ECHOED_NUMBER_BYTES]) if number_may_be_cut else (number,),
    }
    for wire, accepted in ours.items():
        if wire in members and members[wire] not in accepted:
            return _unintelligible(f"the answer's {wire} is not the request's", HTTPStatus.OK)
    code = members.get("respCd")
    if not isinstance(code, str) or len(code) != CODE_CHARACTERS or not code.isascii():
        return _unintelligible("respCd is not a text of four ASCII characters", HTTPStatus.OK)
    return _Reply(code, _message(members.get("respMsg"), expected.token_key), members)


def _message(value: Value, secret: str) -> str:
    if value is None:
        return ""
    written = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.message(written, secret)


def _is_coded(answer: RawAnswer) -> bool:
    """Tell whether any content coding was applied; "identity" says that none was."""
    return any(
        name.lower() == b"content-encoding" and value.strip().lower() not in {b"", b"identity"}
        for name, value in answer.headers
    )


def _unintelligible(detail: str, status: int) -> AnswerLost:
    return AnswerLost(Loss.PARSING_ERROR, detail, status=status)
