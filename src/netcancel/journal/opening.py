"""From a URL to a journal."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from netcancel.errors import ConfigurationError
from netcancel.journal.host_copy import HostCopy
from netcancel.journal.master_key import master_key, previous_keys
from netcancel.journal.memory import MemoryJournal
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.sqlite_file import journal_mode
from netcancel.journal.sqlite_schema import SqliteTables
from netcancel.journal.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.journal.contract import Journal
    from netcancel.journal.migrations import Tables

SUPPORTED = "sqlite:///relative.db, sqlite:////absolute.db or memory://"


def open_journal(
    url: str,
    *,
    vault_key: str | None = None,
    previous_vault_keys: str | None = None,
    create: bool = True,
    clock: Callable[[], float] = time.time,
) -> Journal:
    """Open the journal that a URL names; `clock` tells seconds since the epoch.

    With `create` false, neither a journal nor a key is made. Raises `ConfigurationError`.
    """
    if url == "memory://":
        return MemoryJournal(clock)
    path = _path_of(url)
    if not create:
        _check_is_there(path)
    may_make_key = create and not (path.exists() and path.stat().st_size)
    previous = previous_keys(previous_vault_keys)
    vault = Vault(master_key(vault_key, create=may_make_key), *previous)
    return open_sqlite(path, vault, clock, create=create)


def open_tables(url: str) -> Tables:
    """Return the tables of the journal that a URL names and that is there.

    Raises `ConfigurationError`.
    """
    path = _path_of(url)
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
    return HostCopy(f"sqlite {_path_of(url)}")


def _check_is_there(path: Path) -> None:
    if not path.exists():
        raise ConfigurationError(
            f"there is no journal {path}: workers and reading commands never create one"
        )


def _path_of(url: str) -> Path:
    """Return the real, absolute path: the directory of the process may change, the file may not."""
    scheme, _, name = url.partition(":///")
    if scheme != "sqlite" or not name:
        raise ConfigurationError(f"a journal is one of {SUPPORTED}")
    if "?" in name or "\0" in name or name.startswith(":") or name.endswith("/"):
        raise ConfigurationError(f"a journal's URL is a path without options: {SUPPORTED}")
    return Path(os.path.realpath(name))
