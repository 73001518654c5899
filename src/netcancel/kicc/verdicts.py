"""What an answer proves. Only a proof decides; everything else is a lost answer (spec 3.1)."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.kicc.answers import ApprovalAnswer
    from netcancel.kicc.strict_json import Value


class Loss(StrEnum):
    """Why an answer proves nothing: the manual's three reasons, and a code that proves nothing."""

    READ_TIMEOUT = "read-timeout"
    """No whole answer within the deadline (spec 2.1 a)."""
    CONNECTION_ERROR = "connection-error"
    """Not connected, broken off, reset (spec 2.1 b)."""
    PARSING_ERROR = "parsing-error"
    """An answer came, but its status, body or echo is not what was agreed (spec 2.1 c)."""
    AMBIGUOUS_CODE = "ambiguous-code"
    """A failure code that isn't known to exclude a charge (spec 3.1)."""


class Acknowledgement(StrEnum):
    """How the gateway acknowledged a net-cancel."""

    VOIDED = "voided"
    NOTHING_TO_VOID = "nothing-to-void"
    ALREADY_VOIDED = "already-voided"


@dataclass(frozen=True, slots=True)
class AnswerLost:
    """Nothing is proven.

    `detail` is a short English sentence without data of the request or the answer but a code or
    status. `code` is the gateway's, where there was one. `never_left`: the wire proves that not
    one byte of the request left. `status` is that of the HTTP answer, None where none came.
    """

    loss: Loss
    detail: str
    code: str | None = None
    never_left: bool = False
    status: int | None = None


@dataclass(frozen=True, slots=True)
class ApprovalProven:
    """Charged, with the requested amount as far as the answer says one."""

    answer: ApprovalAnswer
    amount_was_absent: bool = False


@dataclass(frozen=True, slots=True)
class AmountDiffers:
    """Charged, but with another amount: it must be voided (spec 2.3).

    `approved` is whatever whole number the gateway wrote: it may be negative or beyond 64 bits.
    """

    answer: ApprovalAnswer
    requested: int
    approved: int


@dataclass(frozen=True, slots=True)
class DeclineProven:
    """Refused, with a code that is listed as a decline."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The net-cancel is done, as far as this answer can tell (spec 3.4, 3.5)."""

    how: Acknowledgement
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Refused:
    """An intelligible answer to a net-cancel or a cancel, with a code that is no success."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CancelProven:
    """Refunded; `extra` holds what the answer says beyond code and message, by wire name."""

    code: str
    message: str
    extra: Mapping[str, Value] = field(hash=False)


ApprovalVerdict = ApprovalProven | AmountDiffers | DeclineProven | AnswerLost
NetCancelVerdict = Acknowledged | Refused | AnswerLost
CancelVerdict = CancelProven | Refused | AnswerLost
