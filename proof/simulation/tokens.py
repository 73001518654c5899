"""The fast level: codec, judge and signature replaced by stand-ins that keep their meaning.

A body is a short text that names its fields; an answer is a record that needs no reading. The
verdicts are the real ones. `installed` puts the stand-ins into the flows, and takes them out again.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from netcancel import operators
from netcancel.core import flows
from netcancel.core.effects import Signed
from netcancel.core.flows import approving, cancelling, net_cancelling, voiding, writing
from netcancel.core.payment import FrozenCancel, Intent
from netcancel.errors import InvalidRequest
from netcancel.journal import memory, writes
from netcancel.kicc import (
    CANCEL_PATH,
    Acknowledged,
    Acknowledgement,
    AmountDiffers,
    AnswerLost,
    ApprovalAnswer,
    ApprovalProven,
    Break,
    CancelProven,
    DeclineProven,
    Expected,
    Loss,
    NoAnswer,
    Refused,
    seoul_date_and_time,
)
from proof.simulation import thaw
from proof.simulation.books import MemoryBooks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netcancel.core.effects import CancelStamp
    from netcancel.core.payment import Payment
    from netcancel.core.policy import Policy
    from netcancel.kicc import Codes, NetCancelCodes
    from netcancel.sandbox.ledger import Charge, Fields
    from proof.simulation.books import Watch

SUCCESS: Final = "0000"

LOSS_OF: Final = {
    Break.DEADLINE: Loss.READ_TIMEOUT,
    Break.CONNECTION: Loss.CONNECTION_ERROR,
    Break.UNINTELLIGIBLE: Loss.PARSING_ERROR,
}


class TokenAnswer(NamedTuple):
    """An answer that needs no reading; an unintelligible one has no code."""

    code: str | None
    answer: ApprovalAnswer
    status: int = 200


class _AnyExpected:
    """Stands for what an answer must echo; whether it does, the answer says itself."""

    @staticmethod
    def of_body(body: bytes) -> bytes:
        if not body.startswith(b"N "):
            raise InvalidRequest("body", "is no net-cancel")
        return body

    @staticmethod
    def of(body: bytes) -> bytes:
        return body


class _AnyCancel:
    @staticmethod
    def received(body: bytes) -> bytes:
        return body


def _lost(reception: Any) -> AnswerLost | None:  # noqa: ANN401  a NoAnswer or a TokenAnswer
    if isinstance(reception, NoAnswer):
        never_left = reception.never_left
        return AnswerLost(LOSS_OF[reception.why], reception.detail, never_left=never_left)
    if reception.code is None:
        return AnswerLost(Loss.PARSING_ERROR, "unintelligible", status=reception.status)
    return None


def judge_approval(reception: Any, expected: Expected, declines: Codes) -> Any:  # noqa: ANN401
    """Say what an answer to an approval proves."""
    if (lost := _lost(reception)) is not None:
        return lost
    code, answer, _ = reception
    if code == SUCCESS:
        if answer.trx_amt is None:
            return ApprovalProven(answer, amount_was_absent=True)
        if answer.trx_amt != expected.trx_amt:
            return AmountDiffers(answer, expected.trx_amt, answer.trx_amt)
        return ApprovalProven(answer)
    if code in declines:
        return DeclineProven(code, "")
    return AnswerLost(Loss.AMBIGUOUS_CODE, "unlisted", code=code, status=200)


def judge_net_cancel(reception: Any, _: object, codes: NetCancelCodes) -> Any:  # noqa: ANN401
    """Say what an answer to a net-cancel proves."""
    if (lost := _lost(reception)) is not None:
        return lost
    code = reception.code
    if code == SUCCESS:
        return Acknowledged(Acknowledgement.VOIDED, code, "")
    if code in codes.nothing_to_void:
        return Acknowledged(Acknowledgement.NOTHING_TO_VOID, code, "")
    if code in codes.already_voided:
        return Acknowledged(Acknowledgement.ALREADY_VOIDED, code, "")
    return Refused(code, "")


def judge_cancel(reception: Any, _: object) -> Any:  # noqa: ANN401
    """Say what an answer to a cancel proves."""
    if (lost := _lost(reception)) is not None:
        return lost
    code = reception.code
    return CancelProven(code, "", {}) if code == SUCCESS else Refused(code, "")


def freeze_cancel(payment: Payment, stamp: CancelStamp) -> FrozenCancel | None:
    """Build a cancel; None: what is known allows none."""
    answer = payment.answer
    if answer is None or answer.aprv_no is None:
        return None
    words = (payment.merc_trx_no, stamp.number, answer.aprv_no, answer.aprv_dt)
    body = f"C {' '.join(str(word) for word in words)} {payment.approved_amt}"
    return FrozenCancel(stamp.number, body.encode())


SEAMS: Final = (
    *(
        (module, "replace", thaw.replace)
        for module in (
            approving,
            cancelling,
            net_cancelling,
            voiding,
            writing,
            memory,
            operators,
            writes,
        )
    ),
    (approving, "judge_approval", judge_approval),
    (approving, "freeze_cancel", freeze_cancel),
    (cancelling, "judge_cancel", judge_cancel),
    (cancelling, "freeze_cancel", freeze_cancel),
    (cancelling, "Expected", _AnyExpected),
    (cancelling, "CancelRequest", _AnyCancel),
    (net_cancelling, "judge_net_cancel", judge_net_cancel),
    (net_cancelling, "Expected", _AnyExpected),
)
"""Where the flows and the journal look their tools up, and what they find there meanwhile."""


class Tokens:
    """Makes orders, reads requests and writes answers without any bytes to speak of."""

    TID = "T123456789"

    def __init__(self) -> None:
        self._fields: dict[str, dict[str, str | int]] = {}

    @staticmethod
    @contextmanager
    def installed() -> Iterator[None]:
        """Let the flows use the stand-ins, and thaw the records; does nothing where that is so."""
        if thaw.COPIES:
            yield
            return
        real = [getattr(module, name) for module, name, _ in SEAMS]
        try:
            for module, name, stand_in in SEAMS:
                setattr(module, name, stand_in)
            with thaw.thawed():
                yield
        finally:
            for (module, name, _), thing in zip(SEAMS, real, strict=True):
                setattr(module, name, thing)

    def books(self, clock: Callable[[], float], watch: Watch) -> MemoryBooks:
        """Open a journal in memory."""
        return MemoryBooks(clock, watch)

    def order(
        self, number: str, call: int, policy: Policy, *,
        at: float, confirm_within: float | None, data: str = "same",
    ) -> flows.Order:  # fmt: skip
        """Freeze an order; `call` makes its id and its writer."""
        intent = self._intent(number, call, policy, at=at, data=data)
        self._fields.setdefault(number, _fields(intent))
        expected = Expected(
            tid=self.TID, svc_id="SVC", bizr_no="1234567890", merc_trx_no=number, trx_amt=10_000
        )
        return flows.Order(
            intent=intent,
            approval_body=b"A " + number.encode(),
            expected=expected,
            confirm_within=confirm_within,
        )

    def void_intent(self, number: str, call: int, policy: Policy, *, at: float) -> Intent:
        """Freeze a caller's own net-cancel of a number."""
        return self._intent(number, call, policy, at=at, data="void")

    def _intent(self, number: str, call: int, policy: Policy, *, at: float, data: str) -> Intent:
        tran_dt, tran_tm = seoul_date_and_time(at)
        return Intent(
            id=f"{call:032x}",
            writer=f"w{call}",
            world="world",
            tid=self.TID,
            svc_id="SVC",
            bizr_no="1234567890",
            merc_trx_no=number,
            alot_month="00",
            trx_amt=10_000,
            vat_amt=909,
            svc_amt=0,
            tran_dt=tran_dt,
            tran_tm=tran_tm,
            same_data=data.encode(),
            net_cancel_body=b"N " + number.encode(),
            hold_seconds=policy.hold_seconds,
            settle_after_seconds=policy.settle_after_seconds,
            max_in_doubt=None if data == "void" else policy.max_in_doubt,
        )

    @staticmethod
    def sign(secret: int, path: str, body: bytes, *, now: float, wall: float) -> Signed:  # noqa: ARG004  as the level says
        """Write the secret's number in the place of a signature."""
        return Signed(path, (("secret", str(secret)),), body, now)

    @staticmethod
    def is_signed(signed: Signed, secret: int) -> bool:
        """Compare the numbers of the secrets."""
        return signed.headers[0][1] == str(secret)

    def fields(self, path: str, body: bytes) -> Fields:
        """Read a request as the gateway does."""
        words = body.decode().split(" ")
        if path != CANCEL_PATH:
            return self._fields[words[1]]
        original, number, aprv_no, aprv_dt, amount = words[1:]
        return {
            "tid": self.TID,
            "svcId": "SVC",
            "bizrNo": "1234567890",
            "mercTrxNo": number,
            "wcc": "G",
            "cndTrxNo": original,
            "orgAprvNo": aprv_no,
            "orgAprvDt": aprv_dt,
            "trxAmt": int(amount),
        }

    @staticmethod
    def answer(
        _path: str, _fields: Fields, code: str, charge: Charge | None, *, without: str = ""
    ) -> TokenAnswer:
        """Write an answer; `without`: the member that it lacks."""
        if charge is None:
            return TokenAnswer(code, ApprovalAnswer())
        answer = ApprovalAnswer(
            trx_amt=None if without == "trxAmt" else charge.trx_amt,
            aprv_no=None if without == "aprvNo" else charge.aprv_no,
            aprv_dt=charge.aprv_dt,
            van_trx_no=charge.van_trx_no,
        )
        return TokenAnswer(code, answer)

    @staticmethod
    def spoiled(_fields: Fields, status: int) -> TokenAnswer:
        """Write an answer that says nothing of the payment."""
        return TokenAnswer(None, ApprovalAnswer(), status)


def _fields(intent: Intent) -> dict[str, str | int]:
    return {
        "tid": intent.tid,
        "svcId": intent.svc_id,
        "bizrNo": intent.bizr_no,
        "mercTrxNo": intent.merc_trx_no,
        "tokenKey": "TOKEN",
        "alotMonth": intent.alot_month,
        "trxAmt": intent.trx_amt,
        "vatAmt": intent.vat_amt,
        "svcAmt": intent.svc_amt,
        "tranDt": intent.tran_dt,
        "tranTm": intent.tran_tm,
    }
