"""What must hold once everything is closed: the ledger, what arrived, and the journal."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from netcancel import Approved
from netcancel.demo.arrivals import by_number, cancels_in, header, is_proof, projection
from netcancel.demo.books import Told, close_books
from tests.duty.shop import MERCHANT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel import Outcome, Payment
    from netcancel.sandbox import Sandbox
    from netcancel.sandbox.gateway import RecordedRequest
    from tests.duty.shop import Shop

__all__ = ["by_number", "cancels_in", "check_books", "header"]


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
