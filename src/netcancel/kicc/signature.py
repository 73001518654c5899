"""The signature that every request carries (spec 1.3)."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netcancel.kicc.messages import Credentials

APPROVAL_PATH = "/smpy/kiccpay/reqAprv"
CANCEL_PATH = "/smpy/kiccpay/reqCancel"
NET_CANCEL_PATH = "/smpy/kiccpay/reqRtran"

CHANNEL_HEADER = "X-KICC-ChannelId"
TIMESTAMP_HEADER = "X-KICC-Timestamp"
NONCE_HEADER = "X-KICC-Nonce"
SIGNATURE_HEADER = "X-KICC-Authorization"

CONTENT_TYPE = "application/json; charset=utf-8"

_PATHS = frozenset({APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH})
_TIMESTAMP = range(10**12, 10**13)
_NONCE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def sign(
    credentials: Credentials, path: str, body: bytes, *, timestamp_ms: int, nonce: str
) -> tuple[tuple[str, str], ...]:
    """Make the four headers over the very bytes that are sent.

    `timestamp_ms` are milliseconds since the epoch (13 digits), `nonce` is a new lower-case UUID.
    Raises ValueError for any other shape: the signed text has no separators, so two requests
    whose parts are shifted against each other would have the same signature.
    """
    if path not in _PATHS:
        raise ValueError("path must be one of the manual's three")
    if type(timestamp_ms) is not int or timestamp_ms not in _TIMESTAMP:
        raise ValueError("timestamp_ms must be an int of 13 digits")
    if _NONCE.fullmatch(nonce) is None:
        raise ValueError("nonce must be a lower-case UUID")
    timestamp = str(timestamp_ms)
    return (
        (CHANNEL_HEADER, credentials.channel_id),
        (TIMESTAMP_HEADER, timestamp),
        (NONCE_HEADER, nonce),
        (SIGNATURE_HEADER, signature(credentials, path, body, timestamp=timestamp, nonce=nonce)),
    )


def signature(
    credentials: Credentials, path: str, body: bytes, *, timestamp: str, nonce: str
) -> str:
    """Return the signature of a request; its parts must have shapes that keep them apart."""
    head = f"{credentials.channel_id}{path}{timestamp}{nonce}"
    digest = hmac.digest(credentials.secret_key.encode(), head.encode() + body, "sha256")
    return b64encode(digest).decode()
