"""The comparison of product and oracle, for one input: what every fuzzer and every test calls."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from netcancel.kicc import (
    MANUAL_DECLINE_CODES,
    Acknowledged,
    AmountDiffers,
    AnswerLost,
    ApprovalProven,
    Break,
    CancelProven,
    Codes,
    DeclineProven,
    Expected,
    NetCancelCodes,
    NoAnswer,
    RawAnswer,
    Reach,
    Refused,
    judge_approval,
    judge_cancel,
    judge_net_cancel,
)
from netcancel.kicc.strict_json import Unreadable, read_object
from netcancel.wire import Gateway
from netcancel.wire.exchange import Exchange, Fault, Request
from proof.fuzzing import oracle, wire_oracle
from proof.fuzzing.oracle import OURS, Says

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from netcancel.kicc import ApprovalVerdict, CancelVerdict, NetCancelVerdict

EXPECTED: Final = Expected(
    tid=OURS.tid,
    svc_id=OURS.svc_id,
    bizr_no=OURS.bizr_no,
    merc_trx_no=OURS.merc_trx_no,
    trx_amt=OURS.trx_amt,
    token_key="TOKEN_ABC123XYZ...",  # noqa: S106  the manual's example
)
CODES: Final = NetCancelCodes(nothing_to_void=Codes.of({"7001"}), already_voided=Codes.of({"7002"}))
GATEWAY: Final = Gateway.parse("http://127.0.0.1:8080")
REQUEST: Final = Request(path="/smpy/kiccpay/reqAprv", headers=(), body=b"{}")
PIECES: Final = 8

SAID: Final = {
    ApprovalProven: Says.APPROVED,
    AmountDiffers: Says.OTHER_AMOUNT,
    DeclineProven: Says.DECLINED,
    AnswerLost: Says.LOST,
    Acknowledged: Says.DONE,
    CancelProven: Says.DONE,
    Refused: Says.REFUSED,
}


class Disagreement(Exception):
    """The product and the oracle make different things of the same bytes."""


def check_body(body: bytes) -> Says:
    """Compare the three judges and the strict reader on the body of a whole answer.

    Returns what it proves of an approval.
    """
    read, plainly = read_object(body), oracle.read(body)
    # As text: 1, 1.0 and true are equal, and not the same.
    _agree("reader", repr(None if isinstance(read, Unreadable) else read), repr(plainly))
    whole = RawAnswer(200, (), body)
    approval = judge_approval(whole, EXPECTED, MANUAL_DECLINE_CODES)
    _agree("approval", says(approval), oracle.says_of_approval(body))
    if isinstance(approval, AmountDiffers):
        _agree("amount", approval.approved, (plainly or {})["trxAmt"])
    net_cancel = judge_net_cancel(whole, EXPECTED, CODES)
    _agree("net-cancel", says(net_cancel), oracle.says_of_net_cancel(body))
    _agree("cancel", says(judge_cancel(whole, EXPECTED)), oracle.says_of_cancel(body))
    return says(approval)


def check_answer(answer: bytes) -> Says:
    """Compare wire and judge on the bytes of an answer, behind which the connection is closed.

    Returns what they prove of an approval.
    """
    reception = _received([answer])
    size = len(answer) // PIECES + 1
    in_pieces = (answer[at : at + size] for at in range(0, len(answer), size))
    _agree("in pieces", _received(in_pieces), reception)
    told = says(judge_approval(reception, EXPECTED, MANUAL_DECLINE_CODES))
    proven = proven_by(answer, oracle.says_of_approval)
    if told is not Says.LOST or wire_oracle.is_plain(answer):
        _agree("approval", told, proven)
    return told


def proven_by(answer: bytes, says_of_body: Callable[[bytes], Says]) -> Says:
    """Tell what the bytes of an answer prove, as the oracles read them."""
    found = wire_oracle.generous(answer)
    if found is None or found.is_coded or found.status != HTTPStatus.OK:
        return Says.LOST
    return says_of_body(found.body)


def says(verdict: ApprovalVerdict | NetCancelVerdict | CancelVerdict) -> Says:
    """Name a verdict in the oracle's words."""
    return SAID[type(verdict)]


def _received(pieces: Iterable[bytes]) -> RawAnswer | NoAnswer:
    exchange = Exchange(REQUEST, gateway=GATEWAY, keep_alive=False)
    result: RawAnswer | Fault | None = None
    for piece in pieces:
        if piece and result is None:
            result = exchange.receive(piece)
    if result is None:
        result = exchange.receive(b"")
    if isinstance(result, RawAnswer):
        return result
    why = Break.CONNECTION if result is None else result.why
    return NoAnswer(Reach.ANSWER_BEGUN, why, "")


def _agree(what: str, product: object, plainly: object) -> None:
    if product != plainly:
        raise Disagreement(f"{what}: the product says {product!r}, the oracle {plainly!r}")
