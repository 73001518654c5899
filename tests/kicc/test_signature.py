"""The signature: four headers over the very bytes that are sent."""

import hashlib
from typing import Any

import pytest

from netcancel.kicc import (
    APPROVAL_PATH,
    CANCEL_PATH,
    CONTENT_TYPE,
    NET_CANCEL_PATH,
    Credentials,
    sign,
)
from tests.kicc.examples import NET_CANCEL_BODY

CREDENTIALS = Credentials(channel_id="CH_A1B2C3D4", secret_key="an-example-secret")
NONCE = "0f8fad5b-d9cb-469f-a165-70867728950e"
ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def hmac_sha256(key: bytes, text: bytes) -> bytes:
    """Compute RFC 2104 by hand."""
    key = hashlib.sha256(key).digest() if len(key) > 64 else key
    key = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in key) + text).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in key) + inner).digest()


def base64(raw: bytes) -> str:
    """Compute RFC 4648 by hand, for the 32 bytes of a digest."""
    bits = "".join(f"{byte:08b}" for byte in raw) + "00"
    return "".join(ALPHABET[int(bits[i : i + 6], 2)] for i in range(0, len(bits), 6)) + "="


@pytest.mark.parametrize("path", [APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH])
@pytest.mark.parametrize("secret", ["an-example-secret", "k" * 100])
def test_signature_of_the_manuals_example(path: str, secret: str) -> None:
    """The signature is HMAC-SHA256 over channel, path, timestamp, nonce and body, in Base64."""
    credentials = Credentials(channel_id="CH_A1B2C3D4", secret_key=secret)
    text = f"CH_A1B2C3D4{path}1703473200000{NONCE}".encode() + NET_CANCEL_BODY
    headers = sign(credentials, path, NET_CANCEL_BODY, timestamp_ms=1703473200000, nonce=NONCE)
    assert headers == (
        ("X-KICC-ChannelId", "CH_A1B2C3D4"),
        ("X-KICC-Timestamp", "1703473200000"),
        ("X-KICC-Nonce", NONCE),
        ("X-KICC-Authorization", base64(hmac_sha256(secret.encode(), text))),
    )


def test_signature_is_of_the_bytes() -> None:
    """One byte more in the body is another signature; the body needn't be text."""
    signed = {
        sign(CREDENTIALS, APPROVAL_PATH, body, timestamp_ms=10**12, nonce=NONCE)[3]
        for body in (b"{}", b"{} ", b"", b"\xff")
    }
    assert len(signed) == 4


def test_shapes_are_checked_before_signing() -> None:
    """Any other path, timestamp or nonce is refused: shifted parts would share a signature."""
    good: dict[str, Any] = {"path": APPROVAL_PATH, "timestamp_ms": 10**12, "nonce": NONCE}
    bad: dict[str, list[object]] = {
        "path": ["", "/", APPROVAL_PATH + "/", APPROVAL_PATH + "?", "/" + APPROVAL_PATH],
        "timestamp_ms": [0, -1, 10**12 - 1, 10**13, 1703473200, 1.7e12, "1703473200000", True],
        "nonce": ["", NONCE.upper(), NONCE[:-1], NONCE + "0", NONCE + "\n", NONCE.replace("-", "")],
    }
    for name, values in bad.items():
        for value in values:
            changed = good | {name: value}
            with pytest.raises(ValueError, match=f"^{name} must be"):
                sign(
                    CREDENTIALS,
                    changed["path"],
                    b"{}",
                    timestamp_ms=changed["timestamp_ms"],
                    nonce=changed["nonce"],
                )


def test_content_type_is_the_manuals() -> None:
    """The body is announced as the manual writes it."""
    assert CONTENT_TYPE == "application/json; charset=utf-8"
