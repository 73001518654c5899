"""The vault keys of a journal: which are in use, and how rows pass from one to another.

A key is in use from before anything is sealed with it until nothing is. A process that lacks one of
them doesn't start, and one that runs claims nothing: what it can't open is not damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.journal import rows
from netcancel.journal.contract import Rewrapped, RewrapPlace
from netcancel.journal.statements import Query
from netcancel.journal.vault import wrapping_key_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcancel.journal.operations import Runs, Session
    from netcancel.journal.rows import Row
    from netcancel.journal.vault import Sealed, Vault

SECRET: Final = "secret"  # noqa: S105  the name of a meta row
"""The meta row of the secret of digests, wrapped."""


def check_keys(vault: Vault, in_use: Sequence[bytes], place: str) -> None:
    """Raise `ConfigurationError` where a vault lacks a key that is in use."""
    lacking = ", ".join(key_id.hex() for key_id in vault.lacks(in_use))
    if lacking:
        raise ConfigurationError(
            f"{place} is sealed with another vault key (id {lacking}; this process has"
            f" {vault.key_id.hex()}): set NETCANCEL_VAULT_KEY to it, or add it to"
            " NETCANCEL_PREVIOUS_VAULT_KEYS"
        )


def check_ring(session: Runs, vault: Vault) -> None:
    """Raise `JournalUnavailable` where a key came into use that this process lacks."""
    lacking = ", ".join(key_id.hex() for key_id in vault.lacks(keys_in_use(session)))
    if lacking:
        raise JournalUnavailable(
            f"vault key {lacking} is in use, and this process lacks it: restart it with that key"
        )


def check_in_use(session: Runs, sealed: Sealed) -> None:
    """Raise `JournalUnavailable` where a text is sealed with a key that is not in use any more."""
    key_id = wrapping_key_of(sealed.key)
    if key_id not in keys_in_use(session):
        raise JournalUnavailable(
            f"vault key {key_id.hex()} is not in use any more: restart this process with the"
            " current one"
        )


def names(session: Session, _now: int) -> list[str]:
    """Return the ids of the keys in use."""
    return [key_id.hex() for key_id in keys_in_use(session)]


def rewrap(
    session: Session, _now: int, *, vault: Vault, place: RewrapPlace, limit: int
) -> Rewrapped:
    """Wrap the keys of some rows anew, those of the first key that is not the current one."""
    check_ring(session, vault)
    session.execute(Query.USE_VAULT_KEY, {"key_id": vault.key_id})
    _rewrap_secret(session, vault)
    for key_id in keys_in_use(session):
        if key_id == vault.key_id or key_id.hex() < place.key_id:
            continue
        after = place.after if key_id.hex() == place.key_id else 0
        wanted = {"key_id": key_id, "after": after, "limit": limit}
        if found := session.execute(Query.SEALED_WITH, wanted).rows:
            done = sum(_rewrap_key(session, vault, row) for row in found)
            then = RewrapPlace(key_id.hex(), found[-1]["seq"])
            return Rewrapped(done, len(found) - done, then)
    return Rewrapped(0, 0, None)


def forget(session: Session, _now: int, *, vault: Vault) -> list[str]:
    """Forget the keys that nothing is sealed with."""
    others = [key_id for key_id in keys_in_use(session) if key_id != vault.key_id]
    return [key_id.hex() for key_id in others if _forget(session, key_id)]


def _forget(session: Session, key_id: bytes) -> bool:
    # Locked first: whoever seals with it just now is waited for, and then seen.
    session.execute(Query.VAULT_KEY_TO_WRITE, {"key_id": key_id})
    return session.execute(Query.FORGET_VAULT_KEY, {"key_id": key_id}).written > 0


def _rewrap_secret(session: Session, vault: Vault) -> None:
    wrapped = bytes(session.execute(Query.READ_META, {"name": SECRET}).rows[0]["value"])
    if wrapping_key_of(wrapped) != vault.key_id:
        values = {"rewrapped": vault.rewrap_secret(wrapped), "sealed_key": wrapped}
        session.execute(Query.REWRAP_SECRET, values)


def _rewrap_key(session: Session, vault: Vault, row: Row) -> bool:
    """Wrap a row's key anew; False: it is damaged."""
    wrapped = bytes(row["sealed_key"])
    rewrapped = vault.rewrap(wrapped, rows.name_in(row))
    if rewrapped is not None:
        values = {"seq": row["seq"], "rewrapped": rewrapped, "sealed_key": wrapped}
        session.execute(Query.REWRAP_KEY, values)
    return rewrapped is not None


def keys_in_use(session: Runs) -> list[bytes]:
    """Return the ids of the keys with which something may be sealed."""
    return [bytes(row["key_id"]) for row in session.execute(Query.VAULT_KEYS, {}).rows]
