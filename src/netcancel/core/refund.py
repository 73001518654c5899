"""How a cancel is built from what is known of an approved payment (spec 1.1, 3.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from netcancel.core.payment import FrozenCancel, Payment
from netcancel.errors import InvalidRequest
from netcancel.kicc import ApprovalAnswer, CancelRequest, unknown_members
from netcancel.kicc.fields import FIELDS
from netcancel.kicc.rules import broken_rule

if TYPE_CHECKING:
    from netcancel.core.effects import CancelStamp


class _Original(NamedTuple):
    """How a cancel names the approval that it refunds."""

    wcc: str
    cnd_trx_no: str
    org_aprv_dt: str
    org_aprv_no: str


def can_be_cancelled(payment: Payment) -> bool:
    """Whether what is known of the approval allows to build a cancel."""
    return _original_of(payment) is not None


def freeze_cancel(payment: Payment, stamp: CancelStamp) -> FrozenCancel | None:
    """Build the cancel of the whole approved amount; None: what is known allows none.

    Raises `InvalidRequest` for a number that the cancel can't have.
    """
    _check_number(payment, stamp.number)
    original = _original_of(payment)
    if original is None:
        return None
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
        **original._asdict(),
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


def _check_number(payment: Payment, number: str) -> None:
    if number == payment.merc_trx_no:
        raise InvalidRequest("cancel_trx_no", "must be another number than the payment's")
    if (rule := broken_rule(FIELDS["merc_trx_no"], number)) is not None:
        raise InvalidRequest("cancel_trx_no", rule)


def _original_of(payment: Payment) -> _Original | None:
    """Name the approval by the first candidates that a cancel can carry: answers may be odd.

    The date is the answer's, else that of the VAN's transaction, else ours; the reference is the
    VAN's number, else the merchant's. For the approval number and the amount there is no other.
    """
    answer = payment.answer
    if answer is None or broken_rule(FIELDS["trx_amt"], payment.approved_amt) is not None:
        return None
    number = _first_fit("org_aprv_no", answer.aprv_no)
    date = _first_fit("org_aprv_dt", answer.aprv_dt, answer.trx_dt, payment.tran_dt)
    vans = _first_fit("cnd_trx_no", answer.van_trx_no)
    reference = vans or _first_fit("cnd_trx_no", payment.merc_trx_no)
    if number is None or date is None or reference is None:
        return None
    return _Original("G" if vans is None else "T", reference, date, number)


def _first_fit(name: str, *candidates: str | None) -> str | None:
    """Return the first that a field of a cancel may hold."""
    return next(
        (
            each
            for each in candidates
            if each is not None and broken_rule(FIELDS[name], each) is None
        ),
        None,
    )
