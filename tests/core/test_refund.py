"""A cancel that somebody else has written must be the approved payment's, in full."""

import json
from typing import Any

import pytest

from netcancel.core.effects import CancelStamp
from netcancel.core.payment import FrozenCancel
from netcancel.core.refund import can_be_cancelled, check_cancel, freeze_cancel
from netcancel.errors import InvalidRequest
from netcancel.kicc import ApprovalAnswer, CancelRequest
from tests.core.samples import payment

ANSWER = ApprovalAnswer(
    aprv_no="12345678", aprv_dt="20231226", trx_dt="20231227", van_trx_no="V2023122600001"
)
PAYMENT = payment(answer=ANSWER)
STAMP = CancelStamp("CANCEL_1", "20231228", "100000")

BUILT = {
    "tid": "T123456789",
    "svcId": "SVC_SIMPLE",
    "bizrNo": "1234567890",
    "mercTrxNo": "CANCEL_1",
    "alotMonth": "00",
    "trxAmt": 10_000,
    "vatAmt": 909,
    "svcAmt": 0,
    "tranDt": "20231228",
    "tranTm": "100000",
    "wcc": "T",
    "cndTrxNo": "V2023122600001",
    "orgAprvDt": "20231226",
    "orgAprvNo": "12345678",
}


def body(**changes: Any) -> bytes:
    """Write the cancel that we would build, with changes."""
    return json.dumps(BUILT | changes).encode()


def test_a_cancel_repeats_the_approval_and_refers_to_it() -> None:
    """Under its own number, date and time."""
    frozen = freeze_cancel(PAYMENT, STAMP)
    assert frozen is not None
    assert frozen.number == "CANCEL_1"
    assert json.loads(frozen.body) == BUILT
    assert can_be_cancelled(PAYMENT)


@pytest.mark.parametrize("months", ["00", "03", "12"])
def test_a_cancel_has_the_approvals_instalments(months: str) -> None:
    """The manual asks for them again."""
    frozen = freeze_cancel(payment(answer=ANSWER, alot_month=months), STAMP)
    assert frozen is not None
    assert json.loads(frozen.body)["alotMonth"] == months


@pytest.mark.parametrize("approved", [1, 909, 12_000])
def test_a_cancel_has_the_approved_sum_and_no_part_above_it(approved: int) -> None:
    """Another sum than was asked for: tax and service charge are at most all of it."""
    odd = payment(answer=ApprovalAnswer(aprv_no="1", trx_amt=approved), svc_amt=1_000)
    frozen = freeze_cancel(odd, STAMP)
    assert frozen is not None
    request = CancelRequest.from_body(frozen.body)
    assert request.trx_amt == approved
    assert request.vat_amt == min(909, approved)
    assert request.svc_amt == min(1_000, approved)


@pytest.mark.parametrize(
    ("number", "says"),
    [
        ("ORD_1", "must be another number than the payment's"),
        ("N" * 41, "must have at most 40 bytes in UTF-8"),
        ("", "must be printable ASCII without spaces, and not empty"),
    ],
)
def test_a_number_that_a_cancel_can_not_have_is_named(number: str, says: str) -> None:
    """As the field that its caller chose."""
    with pytest.raises(InvalidRequest) as caught:
        freeze_cancel(PAYMENT, CancelStamp(number, "20231228", "100000"))
    assert (caught.value.field, caught.value.rule) == ("cancel_trx_no", says)


@pytest.mark.parametrize(
    "answer", [None, ApprovalAnswer(), ApprovalAnswer(aprv_no="1", trx_amt=0)], ids=repr
)
def test_what_names_no_charge_allows_no_cancel(answer: ApprovalAnswer | None) -> None:
    """No answer, no approval number, or a sum that is none."""
    odd = payment(answer=answer)
    assert not can_be_cancelled(odd)
    assert freeze_cancel(odd, STAMP) is None


@pytest.mark.parametrize(
    "changes",
    [{}, {"wcc": "G", "cndTrxNo": "ORD_1"}, {"newField": 1}, {"vatAmt": 0, "tranTm": "235959"}],
)
def test_the_approved_payments_cancel_is_taken_as_it_is(changes: dict[str, Any]) -> None:
    """By either reference, byte for byte."""
    written = body(**changes)
    assert check_cancel(PAYMENT, written) == FrozenCancel("CANCEL_1", written)


SAME = "must be the approved payment's"


@pytest.mark.parametrize(
    ("changes", "field", "says"),
    [
        ({"tid": "T2"}, "tid", SAME),
        ({"svcId": "S2"}, "svc_id", SAME),
        ({"bizrNo": "0987654321"}, "bizr_no", SAME),
        ({"alotMonth": "03"}, "alot_month", SAME),
        ({"cndTrxNo": "V2"}, "cnd_trx_no", SAME),
        ({"wcc": "G", "cndTrxNo": "ORD_2"}, "cnd_trx_no", SAME),
        ({"wcc": "G"}, "cnd_trx_no", SAME),
        ({"wcc": "T", "cndTrxNo": "ORD_1"}, "cnd_trx_no", SAME),
        ({"orgAprvDt": "20231225"}, "org_aprv_dt", SAME),
        ({"orgAprvNo": "87654321"}, "org_aprv_no", SAME),
        ({"trxAmt": 9_999}, "trx_amt", "must be the whole approved amount: cancels are in full"),
        ({"mercTrxNo": "ORD_1"}, "merc_trx_no", "must be another number than the payment's"),
        (
            {"tokenKey": "TOKEN_1"},
            "token_key",
            "is no field of a cancel, whose body is kept unsealed",
        ),
    ],
    ids=str,
)
def test_a_cancel_of_anything_else_is_refused(
    changes: dict[str, Any], field: str, says: str
) -> None:
    """And its writer hears which field it is."""
    with pytest.raises(InvalidRequest) as caught:
        check_cancel(PAYMENT, body(**changes))
    assert (caught.value.field, caught.value.rule) == (field, says)


def test_what_no_answer_said_is_the_gateways_to_judge() -> None:
    """It can't be compared; the merchant's own number can."""
    silent = payment(answer=None)
    odd = body(cndTrxNo="V2", orgAprvDt="20240101", orgAprvNo="1")
    assert check_cancel(silent, odd).body == odd
    with pytest.raises(InvalidRequest, match=r"^cnd_trx_no: "):
        check_cancel(silent, body(wcc="G", cndTrxNo="ORD_2"))
