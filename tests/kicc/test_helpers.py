"""Seoul's calendar, the token helper, and what the package shows of itself."""

from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from netcancel import kicc
from netcancel.errors import ConfigurationError, InvalidRequest
from netcancel.kicc import ApprovalRequest, encrypt_token, seoul_date_and_time
from tests.kicc.examples import PAYMENT

KEY, IV = bytes(range(32)), bytes(range(16))


@pytest.mark.parametrize(
    ("epoch_seconds", "written"),
    [
        (0, ("19700101", "090000")),
        (1703473200, ("20231225", "120000")),
        (1703473200.999, ("20231225", "120000")),
        (1703516399.9999998, ("20231225", "235959")),
        (1703516400, ("20231226", "000000")),
        (1709132400, ("20240229", "000000")),
        (1719759599, ("20240630", "235959")),
        (-0.5, ("19700101", "085959")),
    ],
)
def test_dates_are_seouls(epoch_seconds: float, written: tuple[str, str]) -> None:
    """A moment is written in UTC+9, its fraction dropped, whatever the host's zone."""
    assert seoul_date_and_time(epoch_seconds) == written
    date, time = written
    ApprovalRequest(**PAYMENT | {"tran_dt": date, "tran_tm": time})


def decrypted(token: str, iv: bytes) -> bytes:
    """Undo the cipher; the padding stays."""
    decryptor = Cipher(algorithms.AES(KEY), modes.CBC(iv)).decryptor()
    return decryptor.update(b64decode(token, validate=True)) + decryptor.finalize()


def test_token_is_aes_256_cbc() -> None:
    """The helper encrypts with PKCS#7 padding and Base64, with the IV in front if asked."""
    for size in range(1, 96):
        plain = "A" * size
        token = encrypt_token(plain, key=KEY, iv=IV)
        gap = 16 - size % 16
        assert decrypted(token, IV) == plain.encode() + bytes([gap]) * gap
        ApprovalRequest(**PAYMENT | {"token_key": token})
    led = encrypt_token("A" * 60, key=KEY, iv=IV, iv_first=True)
    assert led == b64encode(IV + b64decode(encrypt_token("A" * 60, key=KEY, iv=IV))).decode()


def test_token_helper_refuses_what_it_cannot_use() -> None:
    """An id that is empty, odd or too long, and a key or IV of another size, are refused."""
    for odd, says in (
        *[(text, "must be printable ASCII") for text in ("", "A B", "가", "A\n")],
        ("A" * 129, "must have at most 128 bytes"),
        ("A" * 96, "is too long for a token_key once encrypted"),
    ):
        with pytest.raises(InvalidRequest, match=f"^authorization_id: {says}"):
            encrypt_token(odd, key=KEY, iv=IV)
    for key, iv in ((KEY[:16], IV), (KEY + b"0", IV), (KEY, IV[:12]), (b"", b"")):
        with pytest.raises(ConfigurationError, match="32 bytes and its IV 16"):
            encrypt_token("A", key=key, iv=iv)


def test_public_names_are_sorted_and_there() -> None:
    """Every name of the package exists, once, in order."""
    names = kicc.__all__
    assert len(set(names)) == len(names)
    assert all(hasattr(kicc, name) for name in names)
