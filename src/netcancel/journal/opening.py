"""From a URL to a journal."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from netcancel.errors import ConfigurationError
from netcancel.journal.host_copy import HostCopy
from netcancel.journal.master_key import is_from_key_file, master_key, previous_keys
from netcancel.journal.memory import MemoryJournal
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.sqlite_file import journal_mode, mode_as_found
from netcancel.journal.sqlite_schema import SqliteTables
from netcancel.journal.vault import Vault
from netcancel.observe import log

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from netcancel.journal.contract import Journal
    from netcancel.journal.migrations import Tables
    from netcancel.journal.server import VaultFor

SUPPORTED = (
    "sqlite:///relative.db, sqlite:////absolute.db, postgresql://USER@HOST/DATABASE,"
    " mysql://USER@HOST/DATABASE (also MariaDB) or memory://"
)


def open_journal(
    url: str,
    *,
    vault_key: str | None = None,
    previous_vault_keys: str | None = None,
    create: bool = True,
    clock: Callable[[], float] | None = None,
) -> Journal:
    """Open the journal that a URL names.

    With `create` false, neither a journal nor a key is made. `clock` tells seconds since the epoch
    to tests and simulations; None: the journal's own clock, the server's or this host's. Raises
    `ConfigurationError`.
    """
    if url == "memory://":
        return MemoryJournal(clock or time.time)
    vault_for = partial(_shared_vault, vault_key, previous_vault_keys, create=create)
    if url.startswith("postgresql://"):
        return _open_postgres(url, vault_for, clock, create=create)
    if url.startswith("mysql://"):
        return _open_mysql(url, vault_for, clock, create=create)
    path = _file_at(url)
    size = _size_of(path)
    if not create:
        _check_is_there(path)
    may_make_key = create and not size
    previous = previous_keys(previous_vault_keys)
    vault = Vault(master_key(vault_key, create=may_make_key), *previous)
    return open_sqlite(path, vault, clock or time.time, create=create)


def _open_postgres(
    url: str, vault_for: VaultFor, clock: Callable[[], float] | None, *, create: bool
) -> Journal:
    with _with_extra("postgres"):
        from netcancel.journal.postgres import open_postgres  # noqa: PLC0415  an extra's driver
    return open_postgres(url, vault_for, clock, create=create)


def _open_mysql(
    url: str, vault_for: VaultFor, clock: Callable[[], float] | None, *, create: bool
) -> Journal:
    with _with_extra("mysql"):
        from netcancel.journal.mysql import open_mysql  # noqa: PLC0415  likewise
    return open_mysql(url, vault_for, clock, create=create)


@contextmanager
def _with_extra(name: str) -> Generator[None]:
    """Say which extra brings a driver that can't be loaded."""
    try:
        yield
    except ImportError as error:
        raise ConfigurationError(
            f"this journal needs a driver: pip install netcancel[{name}] ({error})"
        ) from None


def _shared_vault(
    vault_key: str | None, previous_vault_keys: str | None, *, create: bool, is_new: bool
) -> Vault:
    """Return the vault of a journal that many machines may share."""
    previous = previous_keys(previous_vault_keys)
    vault = Vault(master_key(vault_key, create=create and is_new), *previous)
    if is_new and is_from_key_file(vault_key):
        log.notice(
            "the journal's tokens are sealed with this host's key file: every machine that uses the"
            " journal needs the same key, set NETCANCEL_VAULT_KEY or NETCANCEL_VAULT_KEY_FILE there"
        )
    return vault


def _size_of(path: Path) -> int | None:
    """Return how large a file is; None: there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"the journal {path} can't be used: {error.strerror}") from None


def open_as_found(
    url: str,
    *,
    vault_key: str | None = None,
    previous_vault_keys: str | None = None,
    clock: Callable[[], float] | None = None,
) -> Journal:
    """Open the journal that is there, and leave it as it is held: nothing is made or converted.

    Raises `ConfigurationError`, also for a file that this SQLite would have to convert first.
    """
    if (path := file_of(url)) is None:
        return open_journal(
            url,
            vault_key=vault_key,
            previous_vault_keys=previous_vault_keys,
            create=False,
            clock=clock,
        )
    _check_is_there(path)
    mode = mode_as_found(path)
    vault = Vault(master_key(vault_key, create=False), *previous_keys(previous_vault_keys))
    return open_sqlite(path, vault, clock or time.time, create=False, mode=mode)


def open_tables(url: str) -> Tables:
    """Return the tables of the journal that a URL names and that is there.

    Raises `ConfigurationError`.
    """
    if url.startswith("postgresql://"):
        with _with_extra("postgres"):
            from netcancel.journal.postgres import postgres_tables  # noqa: PLC0415  likewise
        return postgres_tables(url)
    if url.startswith("mysql://"):
        with _with_extra("mysql"):
            from netcancel.journal.mysql import mysql_tables  # noqa: PLC0415  likewise
        return mysql_tables(url)
    path = _file_at(url)
    _check_is_there(path)
    return SqliteTables(path, journal_mode(sqlite3.sqlite_version_info))


def host_copy_of(url: str) -> HostCopy | None:
    """Return this host's copy of the mark of the journal that a URL names.

    None: a journal in memory is nobody's after its process. A server's journal is known by where it
    is, whoever logs in.
    """
    if url == "memory://":
        return None
    parts = urlsplit(url)
    if parts.netloc:
        return HostCopy(f"{parts.scheme} {parts.netloc.rpartition('@')[2]} {parts.path}")
    return HostCopy(f"sqlite {_file_at(url)}")


def _check_is_there(path: Path) -> None:
    if not path.exists():
        raise ConfigurationError(
            f"there is no journal {path}: workers and reading commands never create one"
        )


def file_of(url: str) -> Path | None:
    """Return the file that a SQLite journal's URL names; None: it is the URL of another kind."""
    scheme, _, name = url.partition(":///")
    return _path_of(name) if scheme == "sqlite" and name else None


def _file_at(url: str) -> Path:
    if (path := file_of(url)) is None:
        raise ConfigurationError(f"a journal is one of {SUPPORTED}")
    return path


def _path_of(name: str) -> Path:
    """Return the real, absolute path: the directory of the process may change, the file may not."""
    if "?" in name or "\0" in name or name.startswith(":") or name.endswith("/"):
        raise ConfigurationError(f"a journal's URL is a path without options: {SUPPORTED}")
    return Path(os.path.realpath(name))
