"""The ways to pay that are compared; each makes a `pay` that charges one number.

The naive ones do what a shop does that has no library: one shared client with its default
keep-alive, sign, post, read the JSON. The others are this library's, with their defaults: a fresh
connection for each request, and for the guards SQLite with recovery in a thread.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import importlib
import json
import os
import time
import uuid
from typing import TYPE_CHECKING, Any, Final

from bench.answerer import AMOUNT, BIZR_NO, SVC_ID, TID
from netcancel import (
    ApprovalRequest,
    Approved,
    AsyncClient,
    AsyncGuard,
    Credentials,
    Guard,
    Merchant,
)
from netcancel.kicc import ApprovalProven

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    Pay = Callable[[str], bool]
    AsyncPay = Callable[[str], Awaitable[bool]]
    """Pay one number, and say whether it was approved."""

TIMEOUT_SECONDS: Final = 30.0
TOKEN: Final = "TOKEN_ABC123XYZ"  # noqa: S105  the manual's example
CHANNEL: Final = "CH_A1B2C3D4"
SECRET: Final = "bench-secret"  # noqa: S105  of no channel
PATH: Final = "/smpy/kiccpay/reqAprv"

_VAT: Final = 909
_CREDENTIALS: Final = Credentials(channel_id=CHANNEL, secret_key=SECRET)
_MERCHANT: Final = Merchant(tid=TID, svc_id=SVC_ID, bizr_no=BIZR_NO)


def _of_guard(base_url: str, journal: str) -> dict[str, Any]:
    return {
        "base_url": base_url,
        "credentials": _CREDENTIALS,
        "merchant": _MERCHANT,
        "journal": journal,
        "vault_key": base64.b64encode(os.urandom(32)).decode(),
    }


def _order(number: str) -> dict[str, Any]:
    return {"merc_trx_no": number, "token_key": TOKEN, "trx_amt": AMOUNT, "vat_amt": _VAT}


@contextlib.contextmanager
def guard(base_url: str, journal: str) -> Iterator[Pay]:
    """`Guard`, called by threads."""
    with Guard(**_of_guard(base_url, journal)) as opened:

        def pay(number: str) -> bool:
            return isinstance(opened.approve(**_order(number)), Approved)

        yield pay


@contextlib.asynccontextmanager
async def async_guard(base_url: str, journal: str) -> AsyncIterator[AsyncPay]:
    """`AsyncGuard`, called by tasks."""
    async with AsyncGuard(**_of_guard(base_url, journal)) as opened:

        async def pay(number: str) -> bool:
            return isinstance(await opened.approve(**_order(number)), Approved)

        yield pay


@contextlib.asynccontextmanager
async def async_client(base_url: str, _journal: str) -> AsyncIterator[AsyncPay]:
    """`AsyncClient`: the same wire and the same judgement, and no journal."""
    client = AsyncClient(
        base_url=base_url, credentials=_CREDENTIALS, timeout_seconds=TIMEOUT_SECONDS
    )

    async def pay(number: str) -> bool:
        request = ApprovalRequest(
            tid=TID,
            svc_id=SVC_ID,
            bizr_no=BIZR_NO,
            tran_dt=time.strftime("%Y%m%d"),
            tran_tm=time.strftime("%H%M%S"),
            **_order(number),
        )
        return isinstance(await client.approve(request), ApprovalProven)

    yield pay


@contextlib.asynccontextmanager
async def naive(base_url: str, _journal: str, *, module: str) -> AsyncIterator[AsyncPay]:
    """Sign, post and parse with `httpx` or `httpx2`."""
    async with importlib.import_module(module).AsyncClient(timeout=TIMEOUT_SECONDS) as client:

        async def pay(number: str) -> bool:
            body = _naive_body(number)
            headers = _naive_headers(body)
            response = await client.post(base_url + PATH, content=body, headers=headers)
            response.raise_for_status()
            return bool(response.json()["respCd"] == "0000")

        yield pay


def _naive_body(number: str) -> bytes:
    return json.dumps(
        {
            "tid": TID,
            "svcId": SVC_ID,
            "bizrNo": BIZR_NO,
            "mercTrxNo": number,
            "tokenKey": TOKEN,
            "alotMonth": "00",
            "trxAmt": AMOUNT,
            "vatAmt": _VAT,
            "svcAmt": 0,
            "tranDt": time.strftime("%Y%m%d"),
            "tranTm": time.strftime("%H%M%S"),
        }
    ).encode()


def _naive_headers(body: bytes) -> dict[str, str]:
    timestamp, nonce = str(time.time_ns() // 1_000_000), str(uuid.uuid4())
    message = (CHANNEL + PATH + timestamp + nonce).encode() + body
    signature = hmac.new(SECRET.encode(), message, hashlib.sha256).digest()
    return {
        "Content-Type": "application/json; charset=utf-8",
        "X-KICC-ChannelId": CHANNEL,
        "X-KICC-Timestamp": timestamp,
        "X-KICC-Nonce": nonce,
        "X-KICC-Authorization": base64.b64encode(signature).decode(),
    }
