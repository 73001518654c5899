"""From a URL to a journal."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from netcancel.errors import ConfigurationError
from netcancel.journal.master_key import is_from_key_file, master_key
from netcancel.journal.memory import MemoryJournal
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.vault import Vault
from netcancel.observe import log

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.journal.contract import Journal
    from netcancel.journal.server import VaultFor

SUPPORTED = (
    "sqlite:///relative.db, sqlite:////absolute.db, postgresql://USER@HOST/DATABASE,"
    " mysql://USER@HOST/DATABASE (also MariaDB) or memory://"
)


def open_journal(
    url: str,
    *,
    vault_key: str | None = None,
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
    vault_for = partial(_shared_vault, vault_key, create=create)
    if url.startswith("postgresql://"):
        return _open_postgres(url, vault_for, clock, create=create)
    if url.startswith("mysql://"):
        return _open_mysql(url, vault_for, clock, create=create)
    scheme, _, name = url.partition(":///")
    if scheme != "sqlite" or not name:
        raise ConfigurationError(f"a journal is one of {SUPPORTED}")
    path = _path_of(name)
    if not create and not path.exists():
        raise ConfigurationError(
            f"there is no journal {path}: workers and reading commands never create one"
        )
    may_make_key = create and not (path.exists() and path.stat().st_size)
    vault = Vault(master_key(vault_key, create=may_make_key))
    return open_sqlite(path, vault, clock or time.time, create=create)


def _open_postgres(
    url: str, vault_for: VaultFor, clock: Callable[[], float] | None, *, create: bool
) -> Journal:
    try:
        from netcancel.journal.postgres import open_postgres  # noqa: PLC0415  an extra's driver
    except ImportError as error:
        raise ConfigurationError(
            f"a PostgreSQL journal needs psycopg: pip install netcancel[postgres] ({error})"
        ) from None
    return open_postgres(url, vault_for, clock, create=create)


def _open_mysql(
    url: str, vault_for: VaultFor, clock: Callable[[], float] | None, *, create: bool
) -> Journal:
    try:
        from netcancel.journal.mysql import open_mysql  # noqa: PLC0415  an extra's driver
    except ImportError as error:
        raise ConfigurationError(
            f"a journal in MariaDB or MySQL needs PyMySQL: pip install netcancel[mysql] ({error})"
        ) from None
    return open_mysql(url, vault_for, clock, create=create)


def _shared_vault(vault_key: str | None, *, create: bool, is_new: bool) -> Vault:
    """Return the vault of a journal that many machines may share."""
    vault = Vault(master_key(vault_key, create=create and is_new))
    if is_new and is_from_key_file(vault_key):
        log.notice(
            "the journal's tokens are sealed with this host's key file: every machine that uses the"
            " journal needs the same key, set NETCANCEL_VAULT_KEY or NETCANCEL_VAULT_KEY_FILE there"
        )
    return vault


def _path_of(name: str) -> Path:
    """Return the real, absolute path: the directory of the process may change, the file may not."""
    if "?" in name or "\0" in name or name.startswith(":") or name.endswith("/"):
        raise ConfigurationError(f"a journal's URL is a path without options: {SUPPORTED}")
    return Path(os.path.realpath(name))
