"""The tables in a journal's file: made whole, brought up to date in steps, and compared with both.

A merchant's own tables beside them are welcome: orders and confirmations commit together.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from netcancel.errors import ConfigurationError
from netcancel.journal import sqlite_file
from netcancel.journal.keys import check_keys
from netcancel.journal.life import new_id
from netcancel.journal.master_key import sync_directory
from netcancel.journal.migrations import COMPATIBLE_FROM, Standing, check_schema, standing_of
from netcancel.journal.rows import SCHEMA
from netcancel.journal.sqlite_file import (
    APPLICATION_ID,
    SQL,
    OpenFile,
    meta,
    objects_of,
    open_file,
    pragma,
)
from netcancel.journal.statements import Query

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from netcancel.journal.statements import Migration
    from netcancel.journal.vault import Vault

OUR_TABLES: Final = frozenset(
    {
        "meta",
        "payment",
        "kept_answer",
        "history",
        "worker",
        "incarnation",
        "hold",
        "vault_key",
        "used_number",
    }
)

UPGRADE_WAIT_SECONDS: Final = 60
"""How long a migration waits for its turn to write: those who work on the journal come first."""


def prepare(
    path: Path, vault: Vault, *, create: bool, mode: str, opens: OpenFile = open_file
) -> bytes:
    """Make the journal's file if need be, check all about it, and return its wrapped secret.

    Raises `ConfigurationError` for a file that can't or must not be used.
    """
    sqlite_file.make_place(path, create=create)
    with _opened(path, mode, opens) as connection:
        _make(connection, path, vault, create=create)
        with _transaction(connection, "BEGIN"):
            schema = pragma(connection, "user_version")
            check_schema(schema, meta(connection, COMPATIBLE_FROM), str(path))
            if schema == SCHEMA and not _is_sum(connection, schema):
                raise ConfigurationError(f"somebody changed the tables of {path}: restore it")
            secret = _secret_of(connection, path, vault)
        if create:
            _use_key(connection, vault)
        return secret


@dataclass(frozen=True, slots=True)
class SqliteTables:
    """The tables of a file; see `migrations.Tables`."""

    path: Path
    mode: str
    opens: OpenFile = open_file

    def standing(self) -> Standing:
        """Compare them with the migrations."""
        with self._opened() as connection:
            return _standing(connection)

    def upgrade(self) -> list[str]:
        """Apply what is missing, each step in a transaction of its own."""
        with self._opened() as connection:
            connection.execute(f"PRAGMA busy_timeout={UPGRADE_WAIT_SECONDS * 1000}")
            standing = _standing(connection)
            if not (standing.is_sum or standing.is_newer):
                raise ConfigurationError(
                    f"somebody changed the tables of {self.path}: restore it before it is upgraded"
                )
            return [each.name for each in SQL.migrations if _apply(connection, each)]

    @contextmanager
    def _opened(self) -> Generator[sqlite3.Connection]:
        with _opened(self.path, self.mode, self.opens) as connection:
            if pragma(connection, "user_version") == 0:
                raise ConfigurationError(f"the journal {self.path} is empty: a guard fills it")
            yield connection


def statements_of(text: str) -> Iterator[str]:
    """Split a script into its statements; triggers hold semicolons of their own."""
    statement = ""
    for line in text.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


@contextmanager
def _opened(path: Path, mode: str, opens: OpenFile) -> Generator[sqlite3.Connection]:
    try:
        with closing(sqlite_file.connect(path, mode, opens)) as connection:
            yield connection
    except sqlite3.Error as error:
        raise ConfigurationError(f"the journal {path} can't be used: {error}") from None


@contextmanager
def _transaction(connection: sqlite3.Connection, begin: str) -> Generator[None]:
    """Hold one view of the file, or with BEGIN IMMEDIATE its only right to write, until the end."""
    connection.execute(begin)
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _make(connection: sqlite3.Connection, path: Path, vault: Vault, *, create: bool) -> None:
    """Fill an empty file, once, whoever comes first."""
    if pragma(connection, "user_version") != 0:
        return
    if not create:
        raise ConfigurationError(
            f"the journal {path} is empty: workers and reading commands never create one"
        )
    with _transaction(connection, "BEGIN IMMEDIATE"):
        if pragma(connection, "user_version") == 0:
            for migration in SQL.migrations:
                _run(connection, migration)
            _execute(connection, Query.WRITE_META, name="secret", value=vault.new_secret())
            _use_key(connection, vault)
            began_at = time.time_ns() // 1_000
            _execute(connection, Query.BEGIN_INCARNATION, id=new_id(), count=0, now=began_at)
            connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    sync_directory(path.parent)


def _apply(connection: sqlite3.Connection, migration: Migration) -> bool:
    """Apply a migration, unless it is there: another process may have been first."""
    with _transaction(connection, "BEGIN IMMEDIATE"):
        is_missing: bool = pragma(connection, "user_version") < migration.number
        if is_missing:
            _run(connection, migration)
    return is_missing


def _run(connection: sqlite3.Connection, migration: Migration) -> None:
    for statement in statements_of(migration.script):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version={migration.number}")


def _standing(connection: sqlite3.Connection) -> Standing:
    with _transaction(connection, "BEGIN"):
        schema = pragma(connection, "user_version")
        return standing_of(SQL.migrations, schema, is_sum=_is_sum(connection, schema))


def _is_sum(connection: sqlite3.Connection, schema: int) -> bool:
    """Whether tables, constraints and triggers of ours are exactly what the migrations make."""
    return objects_of(connection, OUR_TABLES) == _sum_of_migrations(schema)


@cache
def _sum_of_migrations(schema: int) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as pattern:
        for migration in SQL.migrations:
            if migration.number <= schema:
                _run(pattern, migration)
        return objects_of(pattern)


def _secret_of(connection: sqlite3.Connection, path: Path, vault: Vault) -> bytes:
    secret, in_use = meta(connection, "secret"), _keys_in_use(connection)
    if secret is None or not in_use:
        raise ConfigurationError("the journal has lost its key's mark: restore it")
    check_keys(vault, in_use, str(path))
    return secret


def _use_key(connection: sqlite3.Connection, vault: Vault) -> None:
    """Have the vault's current key in use, before anything is sealed with it."""
    if vault.key_id not in _keys_in_use(connection):
        _execute(connection, Query.USE_VAULT_KEY, key_id=vault.key_id)


def _execute(connection: sqlite3.Connection, query: Query, **values: str | bytes | int) -> None:
    statement = SQL.load(query)
    connection.execute(statement.text, statement.bind(values))


def _keys_in_use(connection: sqlite3.Connection) -> list[bytes]:
    rows = connection.execute(SQL.load(Query.VAULT_KEYS).text)
    return [bytes(row[0]) for row in rows]
