"""How a caller's arguments become an order: validated, dated, frozen (protocol, "Approve")."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.flows import Order
from netcancel.core.payment import Intent
from netcancel.kicc import (
    ApprovalRequest,
    Expected,
    Merchant,
    net_cancel_body,
    seoul_date_and_time,
)

if TYPE_CHECKING:
    from netcancel.core.policy import Policy

NOT_DATA: Final = frozenset({"tran_dt", "tran_tm"})
"""A second call of the same order has another time; it is the same data all the same."""

_DATA: Final = tuple(f.name for f in ApprovalRequest.fields if f.name not in NOT_DATA)


def freeze(
    merchant: Merchant,
    *,
    world: str,
    writer: str,
    at: float,
    policy: Policy,
    **fields: Any,  # noqa: ANN401  pydantic checks them
) -> Order:
    """Validate an approval for all calls that may follow, and derive its net-cancel once.

    `at`: seconds since the epoch. Raises `InvalidRequest`.
    """
    tran_dt, tran_tm = seoul_date_and_time(at)
    request = ApprovalRequest(
        tid=merchant.tid,
        svc_id=merchant.svc_id,
        bizr_no=merchant.bizr_no,
        tran_dt=tran_dt,
        tran_tm=tran_tm,
        **fields,
    )
    approval_body = request.to_body()
    intent = Intent(
        id=uuid.uuid4().hex,
        writer=writer,
        world=world,
        tid=request.tid,
        merc_trx_no=request.merc_trx_no,
        trx_amt=request.trx_amt,
        vat_amt=request.vat_amt,
        svc_amt=request.svc_amt,
        tran_dt=tran_dt,
        tran_tm=tran_tm,
        same_data=_same_data(request),
        net_cancel_body=net_cancel_body(approval_body),
        hold_seconds=policy.hold_seconds,
        settle_after_seconds=policy.settle_after_seconds,
        max_in_doubt=policy.max_in_doubt,
    )
    return Order(intent=intent, approval_body=approval_body, expected=Expected.of(request))


def _same_data(request: ApprovalRequest) -> bytes:
    """Write every argument of an order in one unambiguous form."""
    return json.dumps([getattr(request, name) for name in _DATA]).encode()
