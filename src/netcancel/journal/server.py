"""A journal's tables on a database server: made once, whoever comes first; checked by everybody."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from netcancel.errors import ConfigurationError
from netcancel.journal.database import Database, Session
from netcancel.journal.rows import SCHEMA
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from netcancel.journal.vault import Digest, Vault

ID_BYTES: Final = 16


class ServerTrouble(Exception):
    """What no driver raises, but the journal must not go on with."""


class UnsafeServer(ServerTrouble):
    """A server that may be reached, but would not keep what a journal promises."""


class UnsureCommit(ServerTrouble):
    """A commit that may not be where it should be: a warning came with it, or no COMMIT."""


class ServerSession(Session, Protocol):
    """A session that can also make the tables."""

    def make_tables(self) -> None:
        """Run the script that makes them, within this transaction where the server can."""

    def announce_tables(self) -> None:
        """Let others see that they are made, where the commit alone doesn't."""


class Server(Database, Protocol):
    """A database on a server."""

    @property
    def driver_error(self) -> type[Exception]:
        """The root of what the driver raises."""

    @property
    def place(self) -> str:
        """Where it is, without a password."""

    def connect(self) -> ServerSession:
        """Open a session."""


class VaultFor(Protocol):
    """Returns the vault of a journal that may have to be made."""

    def __call__(self, *, is_new: bool) -> Vault:
        """Return it; a key may be made only for a new journal."""
        ...


class Prepared(NamedTuple):
    """What is needed to work with a journal that has been made and checked."""

    vault: Vault
    digest: Digest
    journal_id: bytes


def prepare(server: Server, vault_for: VaultFor, *, create: bool) -> Prepared:
    """Make the journal's tables if need be, and check all about them.

    Raises `ConfigurationError` for a database that
    can't or must not be used; no message shows a password.
    """
    try:
        session = server.connect()
        try:
            vault = _made(session, server.place, vault_for, create=create)
            return _checked(session, server.place, vault)
        finally:
            session.close()
    except (ServerTrouble, server.driver_error) as error:
        raise ConfigurationError(f"the journal at {server.place} can't be used: {error}") from None


def _made(session: ServerSession, place: str, vault_for: VaultFor, *, create: bool) -> Vault:
    """Make the tables where there are none, and return the vault."""
    is_new = not _is_made(session)
    if is_new and not create:
        raise ConfigurationError(
            f"there is no journal at {place}: workers and reading commands never create one"
        )
    vault = vault_for(is_new=is_new)
    if is_new:
        _make(session, vault)
    return vault


def _is_made(session: ServerSession) -> bool:
    session.begin(writes=False)
    is_made = bool(session.execute(Query.IS_MADE, {}).rows[0]["is_made"])
    session.commit()
    return is_made


def _make(session: ServerSession, vault: Vault) -> None:
    session.begin(writes=True)
    if not session.execute(Query.LOCK_TO_MAKE, {}).rows[0]["is_ours"]:
        raise ServerTrouble("another process is making its tables: try again")
    if not session.execute(Query.IS_MADE, {}).rows[0]["is_made"]:
        session.make_tables()
        for name, value in {
            "id": os.urandom(ID_BYTES),
            "key_id": vault.key_id,
            "schema": str(SCHEMA).encode(),
            "shape": _shape_of(session),
            "secret": vault.new_secret(),
        }.items():
            session.execute(Query.WRITE_META, {"name": name, "value": value})
        session.announce_tables()
    session.commit()


def _checked(session: ServerSession, place: str, vault: Vault) -> Prepared:
    """Refuse another form than ours, and another key."""
    session.begin(writes=False)
    schema = int(_meta(session, "schema"))
    if schema > SCHEMA:
        raise ConfigurationError(
            f"{place} was written by a newer netcancel (schema {schema}): upgrade this one"
        )
    if _meta(session, "shape") != _shape_of(session):
        raise ConfigurationError(f"somebody changed the tables of {place}: restore them")
    key_id = _meta(session, "key_id")
    if key_id != vault.key_id:
        raise ConfigurationError(
            f"the journal was made with another vault key (id {key_id.hex()}, this one is"
            f" {vault.key_id.hex()}): set NETCANCEL_VAULT_KEY to the key that it was made with"
        )
    digest = vault.digest_by(_meta(session, "secret"))
    journal_id = _meta(session, "id")
    session.commit()
    return Prepared(vault, digest, journal_id)


def _meta(session: ServerSession, name: str) -> bytes:
    row = session.execute(Query.READ_META, {"name": name}).row
    if row is None:
        raise ConfigurationError("the journal has lost its key's mark: restore it")
    return bytes(row["value"])


def _shape_of(session: ServerSession) -> bytes:
    """Return a digest of the columns, constraints, indexes and triggers that are there."""
    parts: list[str] = sorted(row["part"] for row in session.execute(Query.SHAPE, {}).rows)
    return hashlib.sha256("\n".join(parts).encode()).digest()
