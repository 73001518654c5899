"""What must hold once everything is closed: the ledger, what arrived, and the journal."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

from netcancel import Approved
from netcancel.demo.books import Told, close_books
from tests.duty.shop import MERCHANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel import Outcome, Payment
    from netcancel.sandbox import Sandbox
    from netcancel.sandbox.gateway import RecordedRequest
    from tests.duty.shop import Shop

ELEVEN = (
    "tid", "svcId", "bizrNo", "mercTrxNo", "tokenKey", "alotMonth",
    "trxAmt", "vatAmt", "svcAmt", "tranDt", "tranTm",
)  # fmt: skip
"""The net-cancel page's table, in its order."""


def check_books(van: Sandbox, shop: Shop, told: Mapping[str, Outcome] | None = None) -> None:
    """Check I1, I2, I3, I4, I7 and I8 after everything was recovered."""
    payments = shop.payments()
    tellings = [
        Told((MERCHANT.tid, number), type(outcome).__name__)
        for number, outcome in (told or {}).items()
    ]
    balance = close_books(van.charges(), payments, tellings)
    assert balance.problems == (), balance
    requests = van.requests()
    _check_requests(requests)
    of_number = by_number(requests)
    for payment in payments:
        _check_times(payment, of_number[payment.merc_trx_no])
    for number, outcome in (told or {}).items():
        if isinstance(outcome, Approved):
            assert is_proof(of_number[number]), number


def by_number(requests: list[RecordedRequest]) -> dict[str, list[RecordedRequest]]:
    """Sort what arrived by merchant transaction number."""
    found: defaultdict[str, list[RecordedRequest]] = defaultdict(list)
    for request in requests:
        found[json.loads(request["body"])["mercTrxNo"]].append(request)
    return found


def cancels_in(requests: list[RecordedRequest]) -> Counter[str]:
    """Count the cancels that arrived, by the original that they name."""
    bodies = [each["body"] for each in requests if each["endpoint"] == "cancel"]
    return Counter(json.loads(body)["cndTrxNo"] for body in bodies)


def projection(approval_body: bytes) -> bytes:
    """Derive a net-cancel's bytes from an approval's by the net-cancel page, on our own."""
    fields: dict[str, Any] = json.loads(approval_body)
    eleven = {name: fields[name] for name in ELEVEN}
    return json.dumps(eleven, ensure_ascii=False, separators=(",", ":")).encode()


def header(request: RecordedRequest, name: str) -> str:
    """Return a header's only value."""
    values = [value for each, value in request["headers"] if each.lower() == name.lower()]
    assert len(values) == 1, (name, request)
    return str(values[0])


def _check_requests(requests: list[RecordedRequest]) -> None:
    """Check that each is well signed, with a nonce of its own, and says what it must."""
    nonces = [header(request, "X-KICC-Nonce") for request in requests]
    assert max(Counter(nonces).values(), default=1) == 1
    assert {request["signature"] for request in requests} <= {"valid"}
    for number, of_number in by_number(requests).items():
        approvals = [each["body"] for each in of_number if each["endpoint"] == "approval"]
        assert len(approvals) <= 1, f"{number} was sent for approval {len(approvals)} times"
        bodies = {each["body"] for each in of_number if each["endpoint"] == "net-cancel"}
        assert len(bodies) <= 1, f"the net-cancels of {number} differ"
        if approvals:
            assert bodies <= {projection(approvals[0])}, f"another net-cancel body for {number}"


def _check_times(payment: Payment, requests: list[RecordedRequest]) -> None:
    """Check that nothing arrived before the intent was written (I4); the clock is the same."""
    for request in requests:
        assert payment.created_at / 1_000_000 <= request["at"]


def is_proof(requests: list[RecordedRequest]) -> bool:
    """Whether the approval was worked and answered with the success code, unspoilt (I8).

    A late answer is spoilt only by its receiver's time-out.
    """
    return any(
        request["endpoint"] == "approval"
        and request["fault"] in {None, "late-answer"}
        and (request["did"], request["status"]) == ("charged", 200)
        and request["resp_cd"] == "0000"
        for request in requests
    )
