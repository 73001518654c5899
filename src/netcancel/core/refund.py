"""How a cancel is built from what is known of an approved payment (spec 1.1, 3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.core.payment import FrozenCancel, Payment
from netcancel.errors import InvalidRequest
from netcancel.kicc import ApprovalAnswer, CancelRequest, unknown_members

if TYPE_CHECKING:
    from netcancel.core.effects import CancelStamp

REFERENCE_BYTES: Final = 20
"""Room for the original's number in a cancel."""


def freeze_cancel(payment: Payment, stamp: CancelStamp) -> FrozenCancel:
    """Build the cancel of the whole approved amount; raises `InvalidRequest` where none can be.

    The approval date is the answer's, else the date of the VAN's transaction, else ours.
    """
    answer = payment.answer
    if answer is None or answer.aprv_no is None:
        raise InvalidRequest("org_aprv_no", "the approval's answer named no approval number")
    if stamp.number == payment.merc_trx_no:
        raise InvalidRequest("cancel_trx_no", "must be another number than the payment's")
    wcc, original = _reference(payment)
    request = CancelRequest(
        tid=payment.tid,
        svc_id=payment.svc_id,
        bizr_no=payment.bizr_no,
        merc_trx_no=stamp.number,
        alot_month=payment.alot_month,
        trx_amt=payment.approved_amt,
        vat_amt=min(payment.vat_amt, payment.approved_amt),
        svc_amt=min(payment.svc_amt, payment.approved_amt),
        tran_dt=stamp.tran_dt,
        tran_tm=stamp.tran_tm,
        wcc=wcc,
        cnd_trx_no=original,
        org_aprv_dt=answer.aprv_dt or answer.trx_dt or payment.tran_dt,
        org_aprv_no=answer.aprv_no,
    )
    return FrozenCancel(stamp.number, request.to_body())


def check_cancel(payment: Payment, body: bytes) -> FrozenCancel:
    """Take a cancel's body as it was written; raises `InvalidRequest` where it isn't this one's.

    What the approval's answer didn't say can't be compared: the gateway judges it.
    """
    request = CancelRequest.received(body)
    if "tokenKey" in unknown_members(body, CancelRequest):
        raise InvalidRequest("token_key", "is no field of a cancel, whose body is kept unsealed")
    if request.trx_amt != payment.approved_amt:
        raise InvalidRequest("trx_amt", "must be the whole approved amount: cancels are in full")
    if request.merc_trx_no == payment.merc_trx_no:
        raise InvalidRequest("merc_trx_no", "must be another number than the payment's")
    answer = payment.answer or ApprovalAnswer()
    of_reference = answer.van_trx_no if request.wcc == "T" else payment.merc_trx_no
    for name, known in {
        "tid": payment.tid,
        "svc_id": payment.svc_id,
        "bizr_no": payment.bizr_no,
        "alot_month": payment.alot_month,
        "cnd_trx_no": of_reference,
        "org_aprv_dt": answer.aprv_dt,
        "org_aprv_no": answer.aprv_no,
    }.items():
        if known is not None and getattr(request, name) != known:
            raise InvalidRequest(name, "must be the approved payment's")
    return FrozenCancel(request.merc_trx_no, body)


def _reference(payment: Payment) -> tuple[str, str]:
    """Name the original: by the VAN's number where one is known, else by the merchant's."""
    van = None if payment.answer is None else payment.answer.van_trx_no
    if van and len(van.encode()) <= REFERENCE_BYTES:
        return "T", van
    if len(payment.merc_trx_no) <= REFERENCE_BYTES:
        return "G", payment.merc_trx_no
    raise InvalidRequest(
        "cnd_trx_no",
        f"the answer named no VAN number, and a merchant number of more than {REFERENCE_BYTES}"
        " bytes can't be referred to",
    )
