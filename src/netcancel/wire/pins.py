"""Pins: what of a gateway's certificate stays the same as long as its key does."""

from __future__ import annotations

import base64
import binascii
import hashlib

from netcancel.errors import ConfigurationError

_VERSION = 0xA0
"""The tag of a certificate's version, which the first edition of X.509 doesn't have."""
_BEFORE_THE_KEY = 5
"""Serial number, signature algorithm, issuer, validity, subject (RFC 5280, 4.1)."""


def check(pin: object) -> None:
    """Raise ConfigurationError for what can't be the pin of any key."""
    if not isinstance(pin, str) or not _is_digest(pin):
        raise ConfigurationError(
            "A pin must be the Base64 of 32 bytes, the SHA-256 of a certificate's "
            "SubjectPublicKeyInfo: 44 characters, = at the end, without a prefix"
        )


def _is_digest(pin: str) -> bool:
    try:
        digest = base64.b64decode(pin, validate=True)
    except (binascii.Error, ValueError):
        return False
    # Written in another way, it would never be equal to the pin of a certificate.
    is_canonical = base64.b64encode(digest) == pin.encode()
    return is_canonical and len(digest) == hashlib.sha256().digest_size


def fits(certificate: bytes | None, pins: tuple[str, ...]) -> bool:
    """Tell whether a DER certificate has one of the pins; what can't be read has none."""
    try:
        return certificate is not None and pin_of(certificate) in pins
    except ValueError:
        return False


def pin_of(certificate: bytes) -> str:
    """Return the pin of a DER certificate; raises ValueError where it can't be read."""
    outer, _ = _element(certificate, 0)
    at, _ = _element(certificate, outer)
    if certificate[at : at + 1] == bytes([_VERSION]):
        _, at = _element(certificate, at)
    for _ in range(_BEFORE_THE_KEY):
        _, at = _element(certificate, at)
    # The bytes as they stand: reading the key and writing it again may change them.
    _, end = _element(certificate, at)
    return base64.b64encode(hashlib.sha256(certificate[at:end]).digest()).decode("ascii")


def _element(der: bytes, at: int) -> tuple[int, int]:
    """Return where the contents of the element at this place begin, and where they end."""
    length_at = at + 1
    first = der[length_at] if length_at < len(der) else len(der)
    start = length_at + 1
    length = first
    if first >= 0x80:  # noqa: PLR2004  the long form of DER: the low bits count the length's bytes
        start += first - 0x80
        length = int.from_bytes(der[length_at + 1 : start], "big")
    if start + length > len(der):
        raise ValueError("a certificate ends before its key")
    return start, start + length
