"""Whether a request is a shop's, judged by its signature over the very bytes that came (spec 1.3).

The signed text has no separators. What keeps its parts from being shifted against each other: the
channel is one that we know and the path one of three, the timestamp has 13 digits, and a nonce has
no character with which a JSON object could begin. Whoever is refused is told that, and not why;
only who has signed well hears more.
"""

from __future__ import annotations

import hmac
import re
import secrets
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from netcancel.kicc import Credentials
from netcancel.kicc.signature import (
    CHANNEL_HEADER,
    NONCE_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    signature,
)
from netcancel.proxy.replies import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from netcancel.tables import Shop

WINDOW_SECONDS: Final = 300
"""How far a timestamp may be off, in both directions; the manual names no tolerance (spec 1.3)."""

NONCES_MAX: Final = 1_000_000
"""Bounds memory, some 200 MB; where it is reached, requests are refused, never let through."""

_HEADERS: Final = tuple(
    name.lower().encode()
    for name in (CHANNEL_HEADER, TIMESTAMP_HEADER, NONCE_HEADER, SIGNATURE_HEADER)
)
_TIMESTAMP: Final = re.compile(r"[0-9]{13}")
_NONCE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_OBJECT: Final = re.compile(rb"[ \t\r\n]*\{")


class Admission:
    """Knows the shops, and which requests they have sent before."""

    def __init__(self, shops: Sequence[Shop], *, nonces_max: int = NONCES_MAX) -> None:
        self._shops = {shop.credentials.channel_id: shop for shop in shops}
        self._nonces_max = nonces_max
        self._nonces: OrderedDict[tuple[str, str], float] = OrderedDict()
        # An unknown channel costs the same work as a wrong signature, and can be told from none.
        self._nobody = Credentials(channel_id="nobody", secret_key=secrets.token_hex(32))

    def admit(
        self, headers: Iterable[tuple[bytes, bytes]], path: str, body: bytes, *, now: float
    ) -> Shop | Refusal:
        """Return the shop that signed a request, or why it isn't served.

        `headers` have names in lower case; `now`: seconds since the epoch.
        """
        found = [(name, value) for name, value in headers if name in _HEADERS]
        given = {name: value.decode("latin-1") for name, value in found}
        if len(found) != len(_HEADERS) or len(given) != len(_HEADERS):
            return Refusal.NOT_ADMITTED
        channel, timestamp, nonce, signed = (given[name] for name in _HEADERS)
        if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce)):
            return Refusal.NOT_ADMITTED
        shop = self._shops.get(channel)
        known = self._nobody if shop is None else shop.credentials
        keys = [known] if known.previous is None else [known, known.previous]
        ours = [signature(key, path, body, timestamp=timestamp, nonce=nonce) for key in keys]
        is_signed = any(hmac.compare_digest(each.encode(), signed.encode()) for each in ours)
        is_fresh = abs(now - int(timestamp) / 1000) <= WINDOW_SECONDS
        if shop is None or not (is_signed and is_fresh and _OBJECT.match(body)):
            return Refusal.NOT_ADMITTED
        return self._why_not_first(channel, nonce, now) or shop

    def _why_not_first(self, channel: str, nonce: str, now: float) -> Refusal | None:
        """Note a nonce for as long as its timestamp could be taken for fresh.

        A nonce that came before may have been sent again by the shop's HTTP layer: its shop must
        not read that nothing was sent.
        """
        while self._nonces and next(iter(self._nonces.values())) < now:
            self._nonces.popitem(last=False)
        if (channel, nonce) in self._nonces:
            return Refusal.SENT_BEFORE
        if len(self._nonces) >= self._nonces_max:
            return Refusal.NOT_NOW
        self._nonces[channel, nonce] = now + 2 * WINDOW_SECONDS
        return None
