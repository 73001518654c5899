"""Values that several tests of the core begin with."""

from typing import Any

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Payment, Version


def payment(**changes: Any) -> Payment:
    """Make a payment that is being approved, with `changes`."""
    values: dict[str, Any] = {
        "id": "f" * 32,
        "world": "http://127.0.0.1:1 CH_1 default",
        "tid": "T123456789",
        "svc_id": "SVC_SIMPLE",
        "bizr_no": "1234567890",
        "merc_trx_no": "ORD_1",
        "state": State.APPROVING,
        "version": Version(1, "aa"),
        "last_event": Event.INTENT_WRITTEN,
        "alot_month": "00",
        "trx_amt": 10_000,
        "vat_amt": 909,
        "svc_amt": 0,
        "tran_dt": "20231225",
        "tran_tm": "120000",
        "answer": None,
        "loss": None,
        "code": None,
        "message": None,
        "detail": "",
        "never_sent": False,
        "cancel_reason": None,
        "cancel_trx_no": None,
        "cancel_body": None,
        "resolution": None,
        "attempts": 0,
        "is_held": True,
        "due_at": 10_000_000,
        "owed_since": None,
        "settle_at": 20_000_000,
        "alarmed": False,
        "created_at": 0,
        "updated_at": 0,
        "read_at": 0,
    }
    return Payment(**values | changes)
