"""A journal's tables on a database server: made once, whoever comes first; checked by everybody.

A digest of their form stands beside the schema's number, written by whoever made or upgraded them:
on a server there is no empty place to make them again and compare.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from netcancel.errors import ConfigurationError
from netcancel.journal.contract import Fact
from netcancel.journal.database import Database, Session
from netcancel.journal.keys import check_keys, keys_in_use
from netcancel.journal.migrations import (
    COMPATIBLE_FROM,
    Standing,
    check_schema,
    refuse_newer,
    standing_of,
)
from netcancel.journal.rows import SCHEMA
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from netcancel.journal.statements import Migration
    from netcancel.journal.vault import Digest, Vault

ID_BYTES: Final = 16


class ServerTrouble(Exception):
    """What no driver raises, but the journal must not go on with."""


class UnsafeServer(ServerTrouble):
    """A server that may be reached, but would not keep what a journal promises."""


class UnsureCommit(ServerTrouble):
    """A commit that may not be where it should be: a warning came with it, or no COMMIT."""


class ServerHangs(ServerTrouble):
    """A server that hangs: the connection to it was given up."""


class ServerSession(Session, Protocol):
    """A session that can also make the tables."""

    def apply(self, migration: Migration) -> None:
        """Run a migration, within this transaction where the server can."""

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

    @property
    def migrations(self) -> Sequence[Migration]:
        """The steps of the schema."""

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

    Raises `ConfigurationError` for a database that can't or must not be used; no message shows a
    password.
    """
    with _session_of(server) as session:
        vault = _made(session, server, vault_for, create=create)
        prepared = _checked(session, server.place, vault)
        if create:
            _use_key(session, vault)
        return prepared


@dataclass(frozen=True, slots=True)
class ServerTables:
    """The tables on a server; see `migrations.Tables`."""

    server: Server

    def standing(self) -> Standing:
        """Compare them with the migrations."""
        with self._opened() as session:
            session.begin(writes=False)
            standing = self._standing(session)
            session.commit()
            return standing

    def upgrade(self) -> list[str]:
        """Apply what is missing, each step in a transaction of its own."""
        with self._opened() as session:
            return [each.name for each in self.server.migrations if self._apply(session, each)]

    def _apply(self, session: ServerSession, migration: Migration) -> bool:
        """Apply a migration, unless it is there: another process may have been first."""
        session.begin(writes=True)
        _lock(session)
        standing = self._standing(session)
        if not (standing.is_sum or standing.is_newer):
            raise ConfigurationError(
                f"somebody changed the tables of {self.server.place}: restore them before they are"
                " upgraded"
            )
        is_missing = standing.schema < migration.number
        if is_missing:
            session.apply(migration)
            for name, value in _form_of(session, migration.number).items():
                session.execute(Query.UPDATE_META, {"name": name, "value": value})
        session.commit()
        return is_missing

    def _standing(self, session: ServerSession) -> Standing:
        schema, shape = int(_meta(session, "schema")), _meta(session, "shape")
        is_sum = shape == _shape_of(session)
        return standing_of(self.server.migrations, schema, is_sum=is_sum)

    @contextmanager
    def _opened(self) -> Generator[ServerSession]:
        with _session_of(self.server) as session:
            if not _is_made(session):
                raise ConfigurationError(f"there is no journal at {self.server.place}")
            yield session


def schema_fact(found: str) -> Fact:
    """Return what a journal's health says of its schema."""
    return Fact("schema", found, str(SCHEMA), "run netcancel db upgrade, or a newer netcancel")


@contextmanager
def _session_of(server: Server) -> Generator[ServerSession]:
    try:
        with closing(server.connect()) as session:
            yield session
    except (ServerTrouble, server.driver_error) as error:
        raise ConfigurationError(f"the journal at {server.place} can't be used: {error}") from None


def _made(session: ServerSession, server: Server, vault_for: VaultFor, *, create: bool) -> Vault:
    """Make the tables where there are none, and return the vault."""
    is_new = not _is_made(session)
    if is_new and not create:
        raise ConfigurationError(
            f"there is no journal at {server.place}: workers and reading commands never create one"
        )
    vault = vault_for(is_new=is_new)
    if is_new:
        _make(session, server.migrations, vault)
    return vault


def _is_made(session: ServerSession) -> bool:
    session.begin(writes=False)
    is_made = bool(session.execute(Query.IS_MADE, {}).rows[0]["is_made"])
    session.commit()
    return is_made


def _make(session: ServerSession, migrations: Sequence[Migration], vault: Vault) -> None:
    session.begin(writes=True)
    _lock(session)
    if not session.execute(Query.IS_MADE, {}).rows[0]["is_made"]:
        for migration in migrations:
            session.apply(migration)
        for name, value in {
            "id": os.urandom(ID_BYTES),
            **_form_of(session, migrations[-1].number),
            "secret": vault.new_secret(),
        }.items():
            session.execute(Query.WRITE_META, {"name": name, "value": value})
        session.execute(Query.USE_VAULT_KEY, {"key_id": vault.key_id})
        session.announce_tables()
    session.commit()


def _use_key(session: ServerSession, vault: Vault) -> None:
    """Have the vault's current key in use, before anything is sealed with it."""
    session.begin(writes=True)
    session.execute(Query.USE_VAULT_KEY, {"key_id": vault.key_id})
    session.commit()


def _lock(session: ServerSession) -> None:
    """Have no other session make or upgrade tables until this one is done."""
    if not session.execute(Query.LOCK_TO_MAKE, {}).rows[0]["is_ours"]:
        raise ServerTrouble("another process is making its tables: try again")


def _checked(session: ServerSession, place: str, vault: Vault) -> Prepared:
    """Refuse another form than ours, and another key."""
    session.begin(writes=False)
    schema = int(_meta(session, "schema"))
    check_schema(schema, _compatible_from(session), place)
    if schema == SCHEMA and _meta(session, "shape") != _shape_of(session):
        raise ConfigurationError(f"somebody changed the tables of {place}: restore them")
    check_keys(vault, keys_in_use(session), place)
    digest = vault.digest_by(_meta(session, "secret"))
    journal_id = _meta(session, "id")
    session.commit()
    return Prepared(vault, digest, journal_id)


def check_journal(session: Session, place: str) -> None:
    """Refuse, in a new session, a journal that was upgraded since to what isn't for this code."""
    session.begin(writes=False)
    refuse_newer(int(_meta(session, "schema")), _compatible_from(session), place)
    session.commit()


def _compatible_from(session: Session) -> bytes | None:
    row = session.execute(Query.READ_META, {"name": COMPATIBLE_FROM}).row
    return None if row is None else bytes(row["value"])


def _meta(session: Session, name: str) -> bytes:
    row = session.execute(Query.READ_META, {"name": name}).row
    if row is None:
        raise ConfigurationError("the journal has lost its key's mark: restore it")
    return bytes(row["value"])


def _form_of(session: ServerSession, schema: int) -> dict[str, bytes]:
    """Return what is written of the tables' form, by name."""
    return {"schema": str(schema).encode(), "shape": _shape_of(session)}


def _shape_of(session: ServerSession) -> bytes:
    """Return a digest of the columns, constraints, indexes and triggers that are there."""
    parts: list[str] = sorted(row["part"] for row in session.execute(Query.SHAPE, {}).rows)
    return hashlib.sha256("\n".join(parts).encode()).digest()
