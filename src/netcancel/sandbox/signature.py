"""Whether a request carries a valid signature, judged on the very bytes that came (spec 1.3).

The signed message has no separators, so a digit could move from the timestamp to the nonce under
the same MAC. Every part therefore has a fixed shape that is enforced before the MAC is computed.
"""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

CHANNEL: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
TIMESTAMP: Final = re.compile(r"[0-9]{13}")
NONCE: Final = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
"""UUID text. The manual only advises it; a fixed length keeps nonce and body apart."""
SIGNATURE: Final = re.compile(r"[A-Za-z0-9+/]{43}=")

WINDOW_SECONDS: Final = 300
"""Our tolerance, in both directions; the manual names none (spec 1.3)."""
NONCES_MAX: Final = 1_000_000
"""Bounds memory; when the store is full, requests are refused rather than let through unchecked."""

HEADERS: Final = ("x-kicc-channelid", "x-kicc-timestamp", "x-kicc-nonce", "x-kicc-authorization")


class SignatureVerdict(StrEnum):
    """Why a request was believed or not; the caller is told only yes or no."""

    VALID = "valid"
    HEADER_MISSING = "header-missing"
    HEADER_REPEATED = "header-repeated"
    SHAPE = "shape"
    WRONG = "wrong"
    TIMESTAMP = "timestamp"
    NONCE_USED = "nonce-used"
    NONCES_FULL = "nonces-full"


class SignatureCheck:
    """Verifies requests of one channel and remembers their nonces for the window."""

    def __init__(self, channel_id: str, secret_key: str, *, nonces_max: int = NONCES_MAX) -> None:
        """Take the channel and its secret."""
        self._channel_id = channel_id
        self._key = secret_key.encode()
        self._key_of_nobody = secrets.token_bytes(32)
        self._nonces: OrderedDict[str, float] = OrderedDict()
        self._nonces_max = nonces_max

    def verify(
        self, headers: Iterable[tuple[str, str]], target: str, body: bytes, *, now: float
    ) -> SignatureVerdict:
        """Judge one request; `now` is seconds since the epoch, header names are lower case."""
        found: dict[str, str] = {}
        for name, value in headers:
            if name in HEADERS:
                if name in found:
                    return SignatureVerdict.HEADER_REPEATED
                found[name] = value
        if len(found) != len(HEADERS):
            return SignatureVerdict.HEADER_MISSING
        channel, timestamp, nonce, given = (found[name] for name in HEADERS)
        if not _has_shape(channel, timestamp, nonce, given):
            return SignatureVerdict.SHAPE
        if not self._matches(channel, f"{channel}{target}{timestamp}{nonce}", body, given):
            return SignatureVerdict.WRONG
        if abs(now * 1000 - int(timestamp)) > WINDOW_SECONDS * 1000:
            return SignatureVerdict.TIMESTAMP
        return self._use(nonce.lower(), now)

    def _matches(self, channel: str, head: str, body: bytes, given: str) -> bool:
        known = hmac.compare_digest(channel.encode(), self._channel_id.encode())
        key = self._key if known else self._key_of_nobody
        wanted = hmac.digest(key, head.encode() + body, hashlib.sha256)
        return hmac.compare_digest(wanted, base64.b64decode(given)) and known

    def _use(self, nonce: str, now: float) -> SignatureVerdict:
        while self._nonces and next(iter(self._nonces.values())) < now:
            self._nonces.popitem(last=False)
        if nonce in self._nonces:
            return SignatureVerdict.NONCE_USED
        if len(self._nonces) >= self._nonces_max:
            return SignatureVerdict.NONCES_FULL
        # A timestamp may lie a window ahead, so its request stays valid for two windows.
        self._nonces[nonce] = now + 2 * WINDOW_SECONDS
        return SignatureVerdict.VALID


def _has_shape(channel: str, timestamp: str, nonce: str, given: str) -> bool:
    return (
        CHANNEL.fullmatch(channel) is not None
        and TIMESTAMP.fullmatch(timestamp) is not None
        and NONCE.fullmatch(nonce) is not None
        and SIGNATURE.fullmatch(given) is not None
        and _is_canonical(given)
    )


def _is_canonical(given: str) -> bool:
    """Tell whether the text is the one Base64 form of its bytes: spare bits must be zero."""
    return binascii.b2a_base64(base64.b64decode(given), newline=False) == given.encode()
