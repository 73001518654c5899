"""What the manual says: fields, messages, signature, token and the verdict on any answer.

Pure: nothing in this room knows a socket, a clock, random or a thread.
Sections cited as "spec 1.3" are those of `docs/spec.md`.
"""

from netcancel.kicc.answers import ApprovalAnswer
from netcancel.kicc.codes import MANUAL_DECLINE_CODES, SUCCESS, Codes, NetCancelCodes
from netcancel.kicc.judge import Expected, judge_approval, judge_cancel, judge_net_cancel
from netcancel.kicc.messages import (
    ApprovalRequest,
    CancelRequest,
    Credentials,
    Merchant,
    NetCancelRequest,
    net_cancel_body,
    unknown_members,
)
from netcancel.kicc.numbers import CHANCE_BITS, new_cancel_number
from netcancel.kicc.raw import Break, NoAnswer, RawAnswer, Reach, Reception
from netcancel.kicc.seoul import seoul_date_and_time
from netcancel.kicc.signature import (
    APPROVAL_PATH,
    CANCEL_PATH,
    CONTENT_TYPE,
    NET_CANCEL_PATH,
    sign,
)
from netcancel.kicc.token import encrypt_token
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

__all__ = [
    "APPROVAL_PATH",
    "CANCEL_PATH",
    "CHANCE_BITS",
    "CONTENT_TYPE",
    "MANUAL_DECLINE_CODES",
    "NET_CANCEL_PATH",
    "SUCCESS",
    "Acknowledged",
    "Acknowledgement",
    "AmountDiffers",
    "AnswerLost",
    "ApprovalAnswer",
    "ApprovalProven",
    "ApprovalRequest",
    "ApprovalVerdict",
    "Break",
    "CancelProven",
    "CancelRequest",
    "CancelVerdict",
    "Codes",
    "Credentials",
    "DeclineProven",
    "Expected",
    "Loss",
    "Merchant",
    "NetCancelCodes",
    "NetCancelRequest",
    "NetCancelVerdict",
    "NoAnswer",
    "RawAnswer",
    "Reach",
    "Reception",
    "Refused",
    "encrypt_token",
    "judge_approval",
    "judge_cancel",
    "judge_net_cancel",
    "net_cancel_body",
    "new_cancel_number",
    "seoul_date_and_time",
    "sign",
    "unknown_members",
]
