"""Whose request is believed: the signature over the very bytes, once, and fresh."""

from __future__ import annotations

from typing import Any

import pytest

from netcancel.kicc import Credentials
from netcancel.proxy.admission import WINDOW_SECONDS, Admission
from netcancel.proxy.replies import Refusal
from netcancel.tables import Shop
from tests.proxy.shop import APPROVAL, CANCEL, CHANNEL, NET_CANCEL, SECRET, signed

NOW = 1_700_000_000.0
STAMP = "1700000000000"
NONCE = "11111111-1111-4111-8111-111111111111"
BODY = b'{"a":1}'
PREVIOUS = f"{SECRET[::-1]}"

SHOP = Shop(
    Credentials(channel_id=CHANNEL, secret_key=SECRET, previous_secret_key=PREVIOUS), "CH_1", None
)
OTHER = Shop(Credentials(channel_id="CH_SHOP2", secret_key=SECRET), "CH_1", None)

Headers = list[tuple[bytes, bytes]]
Told = Shop | Refusal


def headers(path: str = APPROVAL, body: bytes = BODY, /, **parts: str) -> Headers:
    """Return what a shop's request has, as the server gives it."""
    given = signed(path, body, **({"timestamp": STAMP, "nonce": NONCE} | parts))
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in given.items()]


def admit(given: Headers, *, path: str = APPROVAL, body: bytes = BODY, now: float = NOW) -> Told:
    """Ask a new admission."""
    return Admission([SHOP, OTHER]).admit(given, path, body, now=now)


def test_a_shop_is_known_by_its_signature() -> None:
    """The channel says which shop it is; both of its secrets are good while keys are changed."""
    assert admit(headers()) is SHOP
    assert admit(headers(channel="CH_SHOP2")) is OTHER
    assert admit(headers(secret=PREVIOUS)) is SHOP
    assert admit(headers(channel="CH_SHOP2", secret=PREVIOUS)) is Refusal.NOT_ADMITTED


@pytest.mark.parametrize(
    "name",
    ["x-kicc-channelid", "x-kicc-timestamp", "x-kicc-nonce", "x-kicc-authorization"],
)
def test_each_header_comes_once(name: str) -> None:
    """One that is missing, or stands there twice, refuses the request; so does an empty one."""
    [own] = [each for each in headers() if each[0] == name.encode()]
    without = [each for each in headers() if each is not own and each[0] != own[0]]
    assert admit(without) is Refusal.NOT_ADMITTED
    assert admit([*headers(), own]) is Refusal.NOT_ADMITTED
    assert admit([*without, own, own]) is Refusal.NOT_ADMITTED
    assert admit([*without, (own[0], b"")]) is Refusal.NOT_ADMITTED
    assert admit([*without, own]) is SHOP


@pytest.mark.parametrize(
    "parts",
    [
        {"timestamp": "170000000000"},
        {"timestamp": "17000000000000"},
        {"timestamp": "-170000000000"},
        {"timestamp": "1700000000000 "},
        {"timestamp": "１７00000000000".encode().decode("latin-1")},
        {"nonce": "n" * 65},
        {"nonce": 'n{"a":1'},
        {"nonce": "n n"},
        {"nonce": "n/n"},
        {"nonce": "n\xe9"},
        {"channel": "CH_NOBODY"},
        {"channel": "ch_shop1"},
        {"channel": f"{CHANNEL} "},
        {"secret": "another"},
    ],
)
def test_a_part_of_another_shape_is_refused_however_it_is_signed(parts: dict[str, str]) -> None:
    """Signed by the manual's rule, and not admitted all the same."""
    assert admit(headers(**parts)) is Refusal.NOT_ADMITTED


@pytest.mark.parametrize("body", [b"", b" ", b"[]", b'"{"', b"1{", b"\xef\xbb\xbf{}", b"\x0b{}"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    """Else a nonce could take its first characters."""
    assert admit(headers(APPROVAL, body), body=body) is Refusal.NOT_ADMITTED


def test_whatever_else_was_signed_is_refused() -> None:
    """One byte of the body more, another path, a part moved into its neighbour."""
    assert admit(headers(), body=BODY + b" ") is Refusal.NOT_ADMITTED
    assert admit(headers(), path=NET_CANCEL) is Refusal.NOT_ADMITTED
    assert admit(headers(CANCEL), path=CANCEL) is SHOP


@pytest.mark.parametrize("moved", range(1, 4))
def test_parts_that_are_shifted_have_no_good_signature(moved: int) -> None:
    """The signed text has no separators: the same text cut elsewhere is another request."""
    own = dict(headers())
    stamp, nonce = own[b"x-kicc-timestamp"], own[b"x-kicc-nonce"]
    from_nonce = own | {
        b"x-kicc-timestamp": stamp + nonce[:moved],
        b"x-kicc-nonce": nonce[moved:],
    }
    into_nonce = own | {
        b"x-kicc-timestamp": stamp[:-moved],
        b"x-kicc-nonce": stamp[-moved:] + nonce,
    }
    into_body = own | {b"x-kicc-nonce": nonce[:-moved]}
    assert admit(list(from_nonce.items())) is Refusal.NOT_ADMITTED
    assert admit(list(into_nonce.items())) is Refusal.NOT_ADMITTED
    assert admit(list(into_body.items()), body=nonce[-moved:] + BODY) is Refusal.NOT_ADMITTED


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_timestamp_may_be_off_by_the_window(sign: int) -> None:
    """Up to it in both directions, and not a millisecond more."""
    assert admit(headers(), now=NOW + sign * WINDOW_SECONDS) is SHOP
    assert admit(headers(), now=NOW + sign * (WINDOW_SECONDS + 0.001)) is Refusal.NOT_ADMITTED


def test_a_nonce_counts_once_for_each_channel() -> None:
    """Sent again, its shop hears that it came before: an HTTP layer may have repeated it."""
    admission = Admission([SHOP, OTHER])

    def asked(**parts: Any) -> Told:
        return admission.admit(headers(**parts), APPROVAL, BODY, now=NOW)

    assert asked() is SHOP
    assert asked() is Refusal.SENT_BEFORE
    assert asked(timestamp="1700000000001") is Refusal.SENT_BEFORE
    assert asked(channel="CH_SHOP2") is OTHER
    assert asked(nonce="another") is SHOP


def test_nobody_spends_a_shops_nonce_without_its_secret() -> None:
    """A refused request notes nothing, and hears nothing of what came before."""
    admission = Admission([SHOP])
    forged = headers(secret="another")
    assert admission.admit(forged, APPROVAL, BODY, now=NOW) is Refusal.NOT_ADMITTED
    assert admission.admit(headers(), APPROVAL, BODY, now=NOW) is SHOP
    assert admission.admit(forged, APPROVAL, BODY, now=NOW) is Refusal.NOT_ADMITTED


@pytest.mark.parametrize("early", [0, WINDOW_SECONDS])
def test_a_nonce_is_remembered_as_long_as_its_timestamp_is_fresh(early: int) -> None:
    """No request can be admitted twice, whenever it comes again; then its nonce is forgotten."""
    admission = Admission([SHOP], nonces_max=1)
    assert admission.admit(headers(), APPROVAL, BODY, now=NOW - early) is SHOP
    for later in range(-early, WINDOW_SECONDS + 1, 20):
        assert admission.admit(headers(), APPROVAL, BODY, now=NOW + later) is Refusal.SENT_BEFORE
    stale = NOW + WINDOW_SECONDS + 1
    assert admission.admit(headers(), APPROVAL, BODY, now=stale) is Refusal.NOT_ADMITTED
    fresh = headers(timestamp="1700001000000", nonce="another")
    assert admission.admit(fresh, APPROVAL, BODY, now=NOW + 1_000) is SHOP


def test_a_full_store_of_nonces_lets_nobody_through() -> None:
    """Refused for now, and not for a wrong signature: nothing is wrong with the shop."""
    admission = Admission([SHOP], nonces_max=2)
    told = [
        admission.admit(headers(nonce=nonce), APPROVAL, BODY, now=NOW) for nonce in ("a", "b", "c")
    ]
    assert told == [SHOP, SHOP, Refusal.NOT_NOW]


def test_nothing_shows_a_secret() -> None:
    """Not a shop, not its credentials."""
    shown = repr(SHOP) + repr([SHOP, OTHER]) + str(SHOP.credentials)
    assert SECRET not in shown
    assert PREVIOUS not in shown
