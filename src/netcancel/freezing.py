"""How a caller's arguments become an order: validated, dated, frozen (protocol, "Approve")."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Final

from netcancel.core.flows import Order
from netcancel.core.payment import Intent
from netcancel.errors import InvalidRequest
from netcancel.kicc import (
    ApprovalRequest,
    Expected,
    Merchant,
    seoul_date_and_time,
)

if TYPE_CHECKING:
    from netcancel.core.policy import Policy

NOT_DATA: Final = frozenset({"tran_dt", "tran_tm"})
"""A second call of the same order has another time; it is the same data all the same."""

CONFIRM_WITHIN_MAX: Final = 7 * 86_400
"""A week: later, the token that a lost cancel needs may be shredded."""

_CHANCE_BYTES: Final = 10
"""Of an id: two payments of the same millisecond never meet."""

_DATA: Final = tuple(f.name for f in ApprovalRequest.fields if f.name not in NOT_DATA)


def freeze(
    merchant: Merchant,
    *,
    world: str,
    writer: str,
    at: float,
    policy: Policy,
    confirm_within: float | None = None,
    **fields: Any,  # noqa: ANN401  pydantic checks them
) -> Order:
    """Validate an approval for all calls that may follow, and derive its net-cancel once.

    `at`: seconds since the epoch; `confirm_within`: seconds. Raises `InvalidRequest`.
    """
    _check_confirm_within(confirm_within)
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
        id=_new_id(at),
        writer=writer,
        world=world,
        tid=request.tid,
        svc_id=request.svc_id,
        bizr_no=request.bizr_no,
        merc_trx_no=request.merc_trx_no,
        alot_month=request.alot_month,
        trx_amt=request.trx_amt,
        vat_amt=request.vat_amt,
        svc_amt=request.svc_amt,
        tran_dt=tran_dt,
        tran_tm=tran_tm,
        same_data=_same_data(request),
        net_cancel_body=request.net_cancel_body(),
        hold_seconds=policy.hold_seconds,
        settle_after_seconds=policy.settle_after_seconds,
        max_in_doubt=policy.max_in_doubt,
    )
    return Order(
        intent=intent,
        approval_body=approval_body,
        expected=Expected.of(request),
        confirm_within=confirm_within,
    )


def _new_id(at: float) -> str:
    """Draw an id that no other payment has, 32 hexadecimal digits.

    The first twelve are milliseconds since the epoch: so an index of ids grows at its end, where
    ids of chance alone would touch another page of the journal with each payment.
    """
    return f"{round(at * 1000):012x}{secrets.token_hex(_CHANCE_BYTES)}"


def _check_confirm_within(seconds: Any) -> None:  # noqa: ANN401  a caller's, whatever it is
    if seconds is None:
        return
    is_number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= CONFIRM_WITHIN_MAX:
        raise InvalidRequest(
            "confirm_within", f"must be more than 0 and at most {CONFIRM_WITHIN_MAX:,} seconds"
        )


def _same_data(request: ApprovalRequest) -> bytes:
    """Write every argument of an order in one unambiguous form."""
    return json.dumps([getattr(request, name) for name in _DATA]).encode()
