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
    NetCancelRequest,
    net_cancel_body,
    seoul_date_and_time,
    unknown_members,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netcancel.core.policy import Policy

NOT_DATA: Final = frozenset({"tran_dt", "tran_tm"})
"""A second call of the same order has another time; it is the same data all the same."""

CONFIRM_WITHIN_MAX: Final = 7 * 86_400
"""A week: later, the token that a lost cancel needs may be shredded."""

_CHANCE_BYTES: Final = 10
"""Of an id: two payments of the same millisecond never meet."""


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
    body = request.to_body()
    intent = _intent(
        request,
        _same_data(request),
        request.net_cancel_body(),
        world=world,
        writer=writer,
        at=at,
        policy=policy,
    )
    return Order(
        intent=intent,
        approval_body=body,
        expected=Expected.of(request),
        confirm_within=confirm_within,
    )


def freeze_received(
    body: bytes, *, world: str, writer: str, at: float, policy: Policy, confirm_within: float
) -> Order:
    """Make an order of an approval that somebody else wrote: its bytes are sent as they are.

    `at`: seconds since the epoch; `confirm_within`: seconds. Fields that no request of
    ours has are sent too, and are part of its data. Its answer is kept. Raises `InvalidRequest`.
    """
    request = ApprovalRequest.received(body)
    data = _same_data(request, unknown_members(body, ApprovalRequest))
    return Order(
        intent=_intent(
            request, data, net_cancel_body(body), world=world, writer=writer, at=at, policy=policy
        ),
        approval_body=body,
        expected=Expected.of(request),
        confirm_within=confirm_within,
        keeps_answer=True,
    )


def freeze_void(body: bytes, *, world: str, writer: str, at: float, policy: Policy) -> Intent:
    """Make an intent of a net-cancel that somebody else wrote, for a number that may be unknown.

    No approval has the same data: the number can't be charged any more. Raises `InvalidRequest`.
    """
    request = NetCancelRequest.received(body)
    data = b"net-cancel of " + _same_data(request)
    return _intent(
        request, data, net_cancel_body(body), world=world, writer=writer, at=at, policy=policy
    )


def _intent(
    request: ApprovalRequest | NetCancelRequest,
    same_data: bytes,
    net_cancel: bytes,
    *,
    world: str,
    writer: str,
    at: float,
    policy: Policy,
) -> Intent:
    return Intent(
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
        tran_dt=request.tran_dt,
        tran_tm=request.tran_tm,
        same_data=same_data,
        net_cancel_body=net_cancel,
        hold_seconds=policy.hold_seconds,
        settle_after_seconds=policy.settle_after_seconds,
        max_in_doubt=policy.max_in_doubt if isinstance(request, ApprovalRequest) else None,
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


def _same_data(
    request: ApprovalRequest | NetCancelRequest, unknown: Mapping[str, object] | None = None
) -> bytes:
    """Write every argument of an order in one unambiguous form."""
    known = [getattr(request, f.name) for f in request.fields if f.name not in NOT_DATA]
    return json.dumps([*known, *sorted((unknown or {}).items())]).encode()
