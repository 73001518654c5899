"""A helper that makes a tokenKey (spec 3.9); an encrypted one is accepted everywhere without it."""

from __future__ import annotations

from base64 import b64encode

from netcancel.errors import ConfigurationError, InvalidRequest
from netcancel.kicc.fields import FIELDS
from netcancel.kicc.rules import broken_rule

_KEY_BYTES = 32
_IV_BYTES = 16  # one block of AES


def encrypt_token(authorization_id: str, *, key: bytes, iv: bytes, iv_first: bool = False) -> str:
    """Encrypt an authorizationId with AES-256-CBC and PKCS#7, and write it in Base64.

    The manual says AES-256 and nothing of mode, padding, IV or encoding: these are the usual
    ones, to be compared with your contract. `iv_first` puts the IV before the ciphertext. Keep
    the result: a net-cancel needs the very string that the approval sent, never a new one.
    Raises InvalidRequest for an id that is empty or too long, ConfigurationError for key and IV.
    """
    # Loading the ciphers costs more than the rest of this package, and few callers need them.
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes  # noqa: PLC0415
    from cryptography.hazmat.primitives.padding import PKCS7  # noqa: PLC0415

    if len(key) != _KEY_BYTES or len(iv) != _IV_BYTES:
        raise ConfigurationError("the token's key must have 32 bytes and its IV 16: check both")
    rule = broken_rule(FIELDS["token_key"], authorization_id)
    if rule is not None:
        raise InvalidRequest("authorization_id", rule)
    padder = PKCS7(_IV_BYTES * 8).padder()
    padded = padder.update(authorization_id.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    encrypted = encryptor.update(padded) + encryptor.finalize()
    token = b64encode(iv + encrypted if iv_first else encrypted).decode()
    if broken_rule(FIELDS["token_key"], token) is not None:
        raise InvalidRequest("authorization_id", "is too long for a token_key once encrypted")
    return token
