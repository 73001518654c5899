"""Which signatures the sandbox believes."""

import base64

import pytest

from netcancel.sandbox.signature import SignatureCheck, SignatureVerdict
from netcancel.sandbox.world import CHANNEL_ID, SECRET_KEY
from tests.sandbox.client import APPROVAL, NET_CANCEL, NONCE, mac, signed

NOW = 1_703_473_200.0
STAMP = "1703473200000"
BODY = b'{"tid":"T123456789"}'
VALID, SHAPE, WRONG = SignatureVerdict.VALID, SignatureVerdict.SHAPE, SignatureVerdict.WRONG


def lower(headers: dict[str, str]) -> list[tuple[str, str]]:
    """Return headers as the server hands them over."""
    return [(name.lower(), value) for name, value in headers.items()]


def verdict(
    headers: dict[str, str], *, body: bytes = BODY, path: str = APPROVAL, now: float = NOW
) -> SignatureVerdict:
    """Judge on a fresh check."""
    check = SignatureCheck(CHANNEL_ID, SECRET_KEY)
    return check.verify(lower(headers), path, body, now=now)


def good(**changes: str) -> dict[str, str]:
    """Return valid headers, some replaced after signing."""
    return {**signed(APPROVAL, BODY, timestamp=STAMP, nonce=NONCE), **changes}


GOOD_MAC = good()["X-KICC-Authorization"]


def test_a_right_signature_is_valid() -> None:
    """The manual's message over the raw bytes is believed."""
    assert verdict(good()) is VALID


@pytest.mark.parametrize("name", list(good()))
def test_every_header_is_needed_once(name: str) -> None:
    """A missing header and a repeated one, even with the same value, are refused."""
    headers = good()
    value = headers.pop(name)
    assert verdict(headers) is SignatureVerdict.HEADER_MISSING
    check = SignatureCheck(CHANNEL_ID, SECRET_KEY)
    twice = [*lower(good()), (name.lower(), value)]
    assert check.verify(twice, APPROVAL, BODY, now=NOW) is SignatureVerdict.HEADER_REPEATED


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        (STAMP, VALID),
        (str(int(STAMP) + 300_000), VALID),
        (str(int(STAMP) - 300_000), VALID),
        (str(int(STAMP) + 300_001), SignatureVerdict.TIMESTAMP),
        (str(int(STAMP) - 300_001), SignatureVerdict.TIMESTAMP),
        (str(int(STAMP) + 301_000), SignatureVerdict.TIMESTAMP),
        (str(int(STAMP) - 301_000), SignatureVerdict.TIMESTAMP),
        ("0000000000000", SignatureVerdict.TIMESTAMP),
        ("9999999999999", SignatureVerdict.TIMESTAMP),
        ("1703473200", SHAPE),
        ("17034732000000", SHAPE),
        ("-170347320000", SHAPE),
        ("+170347320000", SHAPE),
        ("170347320000.", SHAPE),
        ("0x18c9f1a2b3c", SHAPE),
        ("１７０３４７３２０００００", SHAPE),
        ("1703473200000\n", SHAPE),
        (" 1703473200000", SHAPE),
    ],
)
def test_timestamps(timestamp: str, expected: SignatureVerdict) -> None:
    """Thirteen ASCII digits within 300 s of now, in both directions, are believed."""
    headers = signed(APPROVAL, BODY, timestamp=timestamp, nonce=NONCE)
    assert verdict(headers) is expected


@pytest.mark.parametrize(
    ("nonce", "expected"),
    [
        (NONCE, VALID),
        (NONCE.upper(), VALID),
        (NONCE.replace("-", ""), SHAPE),
        (NONCE[:-1], SHAPE),
        (NONCE + "0", SHAPE),
        ("g" + NONCE[1:], SHAPE),
        (NONCE + "\n", SHAPE),
        ("-" * 36, SHAPE),
        ("{" + NONCE + "}", SHAPE),
    ],
)
def test_nonces_have_the_shape_of_a_uuid(nonce: str, expected: SignatureVerdict) -> None:
    """Only the text form of a UUID is taken, in either case."""
    assert verdict(signed(APPROVAL, BODY, timestamp=STAMP, nonce=nonce)) is expected


@pytest.mark.parametrize(
    ("channel", "expected"),
    [
        (CHANNEL_ID, VALID),
        (CHANNEL_ID.lower(), WRONG),
        ("CH_UNKNOWN", WRONG),
        ("C" * 64, WRONG),
        ("C" * 65, SHAPE),
        ("", SHAPE),
        ("CH SANDBOX", SHAPE),
        ("CH/SANDBOX", SHAPE),
        ("채널", SHAPE),
    ],
)
def test_channels(channel: str, expected: SignatureVerdict) -> None:
    """An unknown channel is as wrong as a wrong signature; an impossible one isn't looked up."""
    headers = signed(APPROVAL, BODY, timestamp=STAMP, nonce=NONCE, channel=channel)
    assert verdict(headers) is expected


def spare_bits_set(text: str) -> str:
    """Return another text that a lenient decoder reads as the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = text[:-2] + alphabet[alphabet.index(text[-2]) | 1] + "="
    assert base64.b64decode(other) == base64.b64decode(text)
    return other


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("", SHAPE),
        (GOOD_MAC[:-1], SHAPE),
        (GOOD_MAC + "=", SHAPE),
        (GOOD_MAC + "\n", SHAPE),
        (" " + GOOD_MAC, SHAPE),
        (base64.b64decode(GOOD_MAC).hex(), SHAPE),
        ("-_" + GOOD_MAC[2:], SHAPE),
        (GOOD_MAC[:20] + "!" + GOOD_MAC[20:], SHAPE),
        (spare_bits_set(GOOD_MAC), SHAPE),
        (GOOD_MAC[:-2].lower() + GOOD_MAC[-2:], WRONG),
        (base64.b64encode(bytes(32)).decode(), WRONG),
    ],
)
def test_the_signature_is_canonical_base64(given: str, expected: SignatureVerdict) -> None:
    """Forty-four characters of the standard alphabet, in the one form of their bytes."""
    assert verdict(good(**{"X-KICC-Authorization": given})) is expected


def test_a_signature_holds_for_its_own_message_only() -> None:
    """Another path, one space more in the body, another key: all wrong."""
    assert verdict(good(), path=NET_CANCEL) is WRONG
    assert verdict(good(), body=BODY + b" ") is WRONG
    other_key = signed(APPROVAL, BODY, timestamp=STAMP, nonce=NONCE, key="another-key")
    assert verdict(other_key) is WRONG


@pytest.mark.parametrize("shift", range(1, 4))
def test_shifted_boundaries_are_refused_though_the_mac_is_right(shift: int) -> None:
    """Characters moved between neighbouring parts leave the MAC valid, but never the shapes."""
    message = f"{CHANNEL_ID}{APPROVAL}{STAMP}{NONCE}".encode() + BODY
    right = mac(message)
    digits_to_nonce = good() | {
        "X-KICC-Timestamp": STAMP[:-shift],
        "X-KICC-Nonce": STAMP[-shift:] + NONCE,
    }
    digits_to_timestamp = good() | {
        "X-KICC-Timestamp": STAMP + NONCE[:shift],
        "X-KICC-Nonce": NONCE[shift:],
    }
    nonce_to_body = good() | {"X-KICC-Nonce": NONCE[:-shift]}
    assert right == GOOD_MAC
    assert verdict(digits_to_nonce) is SHAPE
    assert verdict(digits_to_timestamp) is SHAPE
    assert verdict(nonce_to_body, body=NONCE[-shift:].encode() + BODY) is SHAPE


def test_a_nonce_counts_once_within_the_window() -> None:
    """The same nonce is refused while its first timestamp could still be valid, then taken."""
    check = SignatureCheck(CHANNEL_ID, SECRET_KEY)

    def judge(at: float, nonce: str) -> SignatureVerdict:
        headers = signed(APPROVAL, BODY, timestamp=str(int(at * 1000)), nonce=nonce)
        return check.verify(lower(headers), APPROVAL, BODY, now=at)

    assert judge(NOW, NONCE) is VALID
    assert judge(NOW, NONCE) is SignatureVerdict.NONCE_USED
    assert judge(NOW + 600, NONCE.upper()) is SignatureVerdict.NONCE_USED
    assert judge(NOW + 601, NONCE) is VALID


def test_a_refused_request_uses_up_no_nonce() -> None:
    """Who can't sign can't burn the nonces of those who can."""
    check = SignatureCheck(CHANNEL_ID, SECRET_KEY)
    forged = lower(good(**{"X-KICC-Authorization": base64.b64encode(bytes(32)).decode()}))
    assert check.verify(forged, APPROVAL, BODY, now=NOW) is WRONG
    assert check.verify(lower(good()), APPROVAL, BODY, now=NOW) is VALID


def test_a_full_nonce_store_refuses() -> None:
    """The bounded store fails closed, and recovers when its nonces expire."""
    check = SignatureCheck(CHANNEL_ID, SECRET_KEY, nonces_max=1)
    assert check.verify(lower(good()), APPROVAL, BODY, now=NOW) is VALID
    second = lower(signed(APPROVAL, BODY, timestamp=STAMP, nonce=NONCE[::-1]))
    assert check.verify(second, APPROVAL, BODY, now=NOW) is SHAPE
    third = lower(signed(APPROVAL, BODY, timestamp=STAMP, nonce="f" + NONCE[1:]))
    assert check.verify(third, APPROVAL, BODY, now=NOW) is SignatureVerdict.NONCES_FULL
    later = signed(APPROVAL, BODY, timestamp=str(int(STAMP) + 700_000), nonce=NONCE)
    assert check.verify(lower(later), APPROVAL, BODY, now=NOW + 700) is VALID
