"""What is sealed opens only where it belongs."""

import itertools

import pytest

from netcancel.errors import ConfigurationError
from netcancel.journal.vault import Sealed, Vault, key_id_of, row_name, wrapping_key_of
from tests.journal.samples import BODY, KEY_BYTES, vault

ROW = {"world": "w", "tid": "t", "merc_trx_no": "n", "payment_id": "i", "schema": 1}
NAME = row_name(**ROW)  # type: ignore[arg-type]


def test_what_is_sealed_opens_again() -> None:
    """The same row under the same key gets its text back."""
    sealed = vault().seal(BODY, NAME)
    assert vault().open(sealed.key, sealed.body, NAME) == BODY


def test_a_sealed_text_shows_nothing() -> None:
    """Neither its bytes nor its repr hold the text, and no two are alike."""
    first, second = (vault().seal(BODY, NAME) for _ in range(2))
    assert BODY not in first.key + first.body
    assert repr(first) == "Sealed()"
    assert first.key != second.key
    assert first.body != second.body


@pytest.mark.parametrize("field", ROW)
def test_a_moved_text_does_not_open(field: str) -> None:
    """Every part of a row's name is authenticated."""
    sealed = vault().seal(BODY, NAME)
    other = ROW | {field: 2 if field == "schema" else "x"}
    assert vault().open(sealed.key, sealed.body, row_name(**other)) is None  # type: ignore[arg-type]


def test_a_rows_name_has_no_two_readings() -> None:
    """Characters can't move from one part of the name to the next."""
    parts = ["", "a", "b", "ab", '"', ","]
    names = [
        row_name(world=world, tid=tid, merc_trx_no=number, payment_id="", schema=1)
        for world, tid, number in itertools.product(parts, repeat=3)
    ]
    assert len(set(names)) == len(names)


def test_a_rows_key_opens_no_other_text() -> None:
    """Keys and texts can't be exchanged between two seals of one row."""
    first, second = (vault().seal(BODY, NAME) for _ in range(2))
    assert vault().open(first.key, second.body, NAME) is None


@pytest.mark.parametrize("part", ["key", "body"])
def test_any_damage_is_noticed(part: str) -> None:
    """Whatever byte is changed or missing, nothing opens and nothing raises."""
    sealed = vault().seal(BODY, NAME)
    whole: bytes = getattr(sealed, part)
    damaged = [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    damaged += [whole[:length] for length in range(len(whole))]
    for each in damaged:
        now = Sealed(each, sealed.body) if part == "key" else Sealed(sealed.key, each)
        assert vault().open(now.key, now.body, NAME) is None


@pytest.mark.parametrize("missing", ["key", "body", "both"])
def test_what_is_shredded_does_not_open(missing: str) -> None:
    """Without its key or its text a row has no body."""
    sealed = vault().seal(BODY, NAME)
    key = None if missing in {"key", "both"} else sealed.key
    body = None if missing in {"body", "both"} else sealed.body
    assert vault().open(key, body, NAME) is None


def test_another_master_key_opens_nothing() -> None:
    """Neither texts nor the secret of digests."""
    other = Vault(KEY_BYTES[::-1])
    sealed = vault().seal(BODY, NAME)
    assert other.open(sealed.key, sealed.body, NAME) is None
    with pytest.raises(ConfigurationError, match="another vault key"):
        other.digest_by(vault().new_secret())


def test_the_key_id_names_the_key_and_is_no_part_of_it() -> None:
    """Equal for equal keys, different for others."""
    assert vault().key_id == vault().key_id != Vault(KEY_BYTES[::-1]).key_id
    assert vault().key_id not in KEY_BYTES
    assert KEY_BYTES.hex() not in repr(vars(vault()))


def test_a_digest_tells_equal_from_different() -> None:
    """Under one secret; under another secret the digest is another."""
    wrapped = vault().new_secret()
    digest = vault().digest_by(wrapped)
    assert digest.fits(b"order", vault().digest_by(wrapped).of(b"order"))
    assert not digest.fits(b"order ", digest.of(b"order"))
    assert digest.of(b"order") != vault().digest_by(vault().new_secret()).of(b"order")


def test_a_ring_opens_what_each_of_its_keys_sealed() -> None:
    """The first key seals; a vault without a row's key opens nothing of it."""
    old, new = KEY_BYTES, KEY_BYTES[::-1]
    sealed = Vault(old).seal(BODY, NAME)
    both = Vault(new, old)
    assert both.open(sealed.key, sealed.body, NAME) == BODY
    fresh = both.seal(BODY, NAME)
    assert Vault(old).open(fresh.key, fresh.body, NAME) is None
    assert Vault(new).open(fresh.key, fresh.body, NAME) == BODY
    assert both.lacks([key_id_of(old), key_id_of(new)]) == []
    assert Vault(new).lacks([key_id_of(old), key_id_of(new)]) == [key_id_of(old)]
    assert key_id_of(new) == both.key_id


def test_a_rewrapped_row_needs_its_old_key_no_more() -> None:
    """Its texts stay as they are; they open with the new master key alone."""
    old, new = Vault(KEY_BYTES), Vault(KEY_BYTES[::-1])
    both = Vault(KEY_BYTES[::-1], KEY_BYTES)
    sealed = old.seal(BODY, NAME)
    beside = old.seal_beside(sealed.key, b"answer", NAME, "approval")
    assert beside is not None
    rewrapped = both.rewrap(sealed.key, NAME)
    assert rewrapped is not None
    assert wrapping_key_of(rewrapped) == new.key_id
    assert new.open(rewrapped, sealed.body, NAME) == BODY
    assert new.open_beside(rewrapped, beside, NAME, "approval") == b"answer"
    assert old.open(rewrapped, sealed.body, NAME) is None
    secret = old.new_secret()
    rewrapped = both.rewrap_secret(secret)
    assert rewrapped is not None
    assert new.digest_by(rewrapped).of(b"order") == old.digest_by(secret).of(b"order")


def test_what_can_not_be_opened_is_not_rewrapped() -> None:
    """Neither a shredded key nor a damaged one, nor another row's, nor an unknown master key's."""
    sealed = vault().seal(BODY, NAME)
    both = Vault(KEY_BYTES[::-1], KEY_BYTES)
    other = row_name(**(ROW | {"tid": "x"}))  # type: ignore[arg-type]
    assert both.rewrap(None, NAME) is None
    assert both.rewrap(sealed.key, other) is None
    assert both.rewrap(sealed.key[:-1], NAME) is None
    assert Vault(KEY_BYTES[::-1]).rewrap(sealed.key, NAME) is None
