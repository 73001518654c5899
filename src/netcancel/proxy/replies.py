"""What a shop is answered: the gateway's own bytes, or a refusal of ours with a documented code.

Ours begin with "NC" and are answers of the manual's form (spec 1.2), so that a shop reads them as
it reads a decline. Only 0000 says that something was done; every refusal of an approval says that
nothing may be shipped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING

from netcancel.kicc import SUCCESS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.core.payment import Payment
    from netcancel.kicc import CancelRequest


class Refusal(Enum):
    """Our codes: the code, the HTTP status, what the shop is told, and what it should do."""

    VOIDED = (
        "NC01",
        HTTPStatus.OK,
        "The answer was lost; the payment is being voided",
        "ask the customer to pay again, under a new number",
    )
    AMOUNT_DIFFERED = (
        "NC02",
        HTTPStatus.OK,
        "Charged, and being refunded",
        "ask the customer to pay again, under a new number",
    )
    USED_NUMBER = (
        "NC03",
        HTTPStatus.OK,
        "This number was used before, with other data",
        "take a new number",
    )
    INVALID = (
        "NC04",
        HTTPStatus.OK,
        "The request breaks a rule",
        "mend the field that the message names; nothing was sent",
    )
    NOT_ADMITTED = (
        "NC05",
        HTTPStatus.UNAUTHORIZED,
        "The signature is refused",
        "check channel, secret, clock and nonce; nothing was sent",
    )
    NOT_NOW = (
        "NC06",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "Nothing was sent",
        "an approval: later, under a new number; a cancel or a net-cancel: send it again",
    )
    IN_DOUBT = (
        "NC07",
        HTTPStatus.OK,
        "Not decided yet",
        "ship nothing; send the same request again to hear what became of it",
    )
    NEEDS_A_PERSON = (
        "NC08",
        HTTPStatus.OK,
        "A person must decide what became of it",
        "ship nothing; ask who runs netcancel",
    )
    UNKNOWN = (
        "NC09",
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The journal could not be written: the outcome is not known",
        "treat it as a lost answer: send the net-cancel, or the same request again",
    )
    NOT_CANCELLED = (
        "NC10",
        HTTPStatus.OK,
        "There is nothing to cancel",
        "look at what became of the payment",
    )
    CANCEL_LOST = (
        "NC11",
        HTTPStatus.BAD_GATEWAY,
        "The answer was lost, of a payment that this journal does not know",
        "nobody repeats it: ask the gateway's operator, or look into the settlement",
    )
    UNKNOWN_PATH = ("NC12", HTTPStatus.NOT_FOUND, "No such path", "POST one of the manual's three")
    NOT_JSON = (
        "NC13",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        "The body must be application/json in UTF-8",
        "send the manual's Content-Type",
    )
    TOO_LARGE = (
        "NC14",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "The body is too large, or came too slowly",
        "send the manual's fields only; nothing was sent",
    )
    SENT_BEFORE = (
        "NC15",
        HTTPStatus.CONFLICT,
        "A request with this nonce came before",
        "treat it as a lost answer: send the net-cancel, or the request again with a new nonce",
    )

    def __init__(self, code: str, status: HTTPStatus, says: str, advice: str) -> None:
        self.code = code
        self.status = status
        self.says = says
        self.advice = advice


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: its status and the bytes of its JSON body."""

    status: int
    body: bytes = field(repr=False)


def gateways(body: bytes) -> Reply:
    """Answer with the gateway's own bytes, of an answer that was a proof."""
    return Reply(HTTPStatus.OK, body)


def refusal(why: Refusal, detail: str = "", *, echo: Mapping[str, object] = {}) -> Reply:
    """Refuse; `echo` holds members of the manual's answer that are known."""
    message = f"{why.says}: {detail}" if detail else why.says
    return _written(why.status, why.code, message, echo)


def success(message: str, *, echo: Mapping[str, object]) -> Reply:
    """Say that it is done, in the manual's form, where no answer of the gateway says it."""
    return _written(HTTPStatus.OK, SUCCESS, message, echo)


def remembered_approval(payment: Payment) -> Reply:
    """Answer an approval or a decline from the journal, whose kept bytes are shredded."""
    if payment.answer is not None:
        return gateways(payment.answer.to_json().encode())
    code, message = payment.code or "", payment.message or ""
    return _written(HTTPStatus.OK, code, message, echo_of(payment))


def echo_of(asked: Payment | CancelRequest) -> dict[str, object]:
    """Return what an answer repeats of its request: a cancel has a number of its own."""
    return {
        "tid": asked.tid,
        "svcId": asked.svc_id,
        "bizrNo": asked.bizr_no,
        "mercTrxNo": asked.merc_trx_no,
    }


def _written(status: int, code: str, message: str, more: Mapping[str, object]) -> Reply:
    members = {"respCd": code, "respMsg": message, **more}
    return Reply(status, json.dumps(members, ensure_ascii=False).encode())
