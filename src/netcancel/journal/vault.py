"""Seals what holds a token: AES-256-GCM, a data key for each row, wrapped by the master key.

A sealed text opens only for the row that it was sealed for: everything that names the row is
authenticated with it. Destroying a row's wrapped key destroys its text for good.

A vault has a ring of master keys: the current one wraps, every one of them opens. So a master key
is changed by wrapping each row's key anew; the texts stay as they are.

Layout of every sealed text: format (1 byte), key id (8), nonce (12), ciphertext and tag. The id is
that of the master key which was current then: for a wrapped key it says which one opens it.
"""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass, field
from hashlib import blake2b, sha256
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from netcancel.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

KEY_BYTES: Final = 32
KEY_ID_BYTES: Final = 8
NONCE_BYTES: Final = 12
FORMAT: Final = b"\x01"

_NONCE_AT: Final = len(FORMAT) + KEY_ID_BYTES
_TEXT_AT: Final = _NONCE_AT + NONCE_BYTES
_SECRET_IS_FOR: Final = b"netcancel journal digests"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A row's wrapped data key, and its text under that key."""

    key: bytes = field(repr=False)
    body: bytes = field(repr=False)


def key_id_of(key: bytes) -> bytes:
    """Return a short name of a key, which tells nothing of it."""
    return sha256(b"netcancel vault key id" + key).digest()[:KEY_ID_BYTES]


def wrapping_key_of(wrapped: bytes) -> bytes:
    """Return the id of the master key that a wrapped key says to be wrapped with."""
    return wrapped[len(FORMAT) : _NONCE_AT]


def row_name(*, world: str, tid: str, merc_trx_no: str, payment_id: str, schema: int) -> bytes:
    """Return what a sealed text is bound to: a text moved to another row must not open there."""
    return json.dumps([schema, world, tid, merc_trx_no, payment_id]).encode()


def _beside(name: bytes, what: str) -> bytes:
    return name + b"\0" + what.encode()


class Vault:
    """Seals and digests with a master key, opens with others too; safe to share between threads."""

    def __init__(self, master_key: bytes, *others: bytes) -> None:
        """`others`: master keys that may have sealed what is to be opened."""
        self._head = FORMAT + key_id_of(master_key)
        self._ring = {key_id_of(key): AESGCM(key) for key in (master_key, *others)}
        self._cipher = self._ring[self.key_id]

    @property
    def key_id(self) -> bytes:
        """The short name of the current master key."""
        return self._head[len(FORMAT) :]

    def lacks(self, key_ids: Iterable[bytes]) -> list[bytes]:
        """Return those of the master keys that aren't in this vault's ring."""
        return [key_id for key_id in key_ids if key_id not in self._ring]

    def seal(self, text: bytes, name: bytes) -> Sealed:
        """Seal a text for the row that `name` names, with a new key of its own."""
        chance = os.urandom(KEY_BYTES + 2 * NONCE_BYTES)
        data_key, nonces = chance[:KEY_BYTES], chance[KEY_BYTES:]
        return Sealed(
            self._encrypt(self._cipher, nonces[:NONCE_BYTES], data_key, name),
            self._encrypt(AESGCM(data_key), nonces[NONCE_BYTES:], text, name),
        )

    def open(self, key: bytes | None, body: bytes | None, name: bytes) -> bytes | None:
        """Open a row's text; None: shredded, damaged, of another row or under another key."""
        return None if body is None else self._open_text(key, body, name, name)

    def seal_beside(self, key: bytes | None, text: bytes, name: bytes, what: str) -> bytes | None:
        """Seal one more text under a row's own key; None: the key is destroyed or damaged.

        `what` names the text among the row's: one can't be taken for another.
        """
        data_key = self._unwrap(key, name)
        if data_key is None:
            return None
        return self._encrypt(AESGCM(data_key), os.urandom(NONCE_BYTES), text, _beside(name, what))

    def open_beside(self, key: bytes | None, sealed: bytes, name: bytes, what: str) -> bytes | None:
        """Open what `seal_beside` sealed; None: shredded, damaged, of another row or name."""
        return self._open_text(key, sealed, name, _beside(name, what))

    def rewrap(self, key: bytes | None, name: bytes) -> bytes | None:
        """Wrap a row's key anew, with the current master key; None: it can't be opened."""
        data_key = self._unwrap(key, name)
        if data_key is None:
            return None
        return self._encrypt(self._cipher, os.urandom(NONCE_BYTES), data_key, name)

    def rewrap_secret(self, wrapped_secret: bytes) -> bytes | None:
        """Wrap the secret of digests anew; None: it can't be opened."""
        return self.rewrap(wrapped_secret, _SECRET_IS_FOR)

    def new_secret(self) -> bytes:
        """Return a new secret for digests, wrapped: it outlives a change of the master key."""
        chance = os.urandom(KEY_BYTES + NONCE_BYTES)
        return self._encrypt(self._cipher, chance[KEY_BYTES:], chance[:KEY_BYTES], _SECRET_IS_FOR)

    def digest_by(self, wrapped_secret: bytes) -> Digest:
        """Return the digest of the journal whose wrapped secret this is.

        Raises `ConfigurationError` where this vault's key didn't wrap it.
        """
        secret = self._unwrap(wrapped_secret, _SECRET_IS_FOR)
        if secret is None:
            raise ConfigurationError(
                "the journal was made with another vault key: set NETCANCEL_VAULT_KEY or"
                " NETCANCEL_VAULT_KEY_FILE to the key that it was made with"
            )
        return Digest(secret)

    def _open_text(
        self, key: bytes | None, sealed: bytes, name: bytes, text_name: bytes
    ) -> bytes | None:
        data_key = self._unwrap(key, name)
        return None if data_key is None else self._decrypt(AESGCM(data_key), sealed, text_name)

    def _unwrap(self, key: bytes | None, name: bytes) -> bytes | None:
        cipher = None if key is None else self._ring.get(wrapping_key_of(key))
        return None if key is None or cipher is None else self._decrypt(cipher, key, name)

    def _encrypt(self, cipher: AESGCM, nonce: bytes, text: bytes, name: bytes) -> bytes:
        return self._head + nonce + cipher.encrypt(nonce, text, self._head + name)

    def _decrypt(self, cipher: AESGCM, sealed: bytes, name: bytes) -> bytes | None:
        head = sealed[:_NONCE_AT]
        if not head.startswith(FORMAT) or len(sealed) < _TEXT_AT:
            return None
        try:
            return cipher.decrypt(sealed[_NONCE_AT:_TEXT_AT], sealed[_TEXT_AT:], head + name)
        except InvalidTag:
            return None


class Digest:
    """Tells whether two texts are equal without keeping them: a digest under a secret key."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, text: bytes) -> bytes:
        """Return the digest of a text, 32 bytes."""
        return blake2b(text, key=self._secret, digest_size=32).digest()

    def fits(self, text: bytes, digest: bytes) -> bool:
        """Whether a digest is this text's, compared in constant time."""
        return hmac.compare_digest(self.of(text), digest)
