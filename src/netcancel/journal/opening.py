"""From a URL to a journal."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from netcancel.errors import ConfigurationError
from netcancel.journal.master_key import master_key
from netcancel.journal.memory import MemoryJournal
from netcancel.journal.sqlite import open_sqlite
from netcancel.journal.sqlite_file import mode_as_found
from netcancel.journal.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.journal.contract import Journal

SUPPORTED = "sqlite:///relative.db, sqlite:////absolute.db or memory://"


def open_journal(
    url: str,
    *,
    vault_key: str | None = None,
    create: bool = True,
    clock: Callable[[], float] = time.time,
) -> Journal:
    """Open the journal that a URL names; `clock` tells seconds since the epoch.

    With `create` false, neither a journal nor a key is made. Raises `ConfigurationError`.
    """
    if url == "memory://":
        return MemoryJournal(clock)
    if (path := file_of(url)) is None:
        raise ConfigurationError(f"a journal is one of {SUPPORTED}")
    if not create:
        _check_is_there(path)
    may_make_key = create and not (path.exists() and path.stat().st_size)
    vault = Vault(master_key(vault_key, create=may_make_key))
    return open_sqlite(path, vault, clock, create=create)


def open_as_found(
    url: str, *, vault_key: str | None = None, clock: Callable[[], float] = time.time
) -> Journal:
    """Open the journal that is there, and leave it as it is held: nothing is made or converted.

    Raises `ConfigurationError`, also for a file that this SQLite would have to convert first.
    """
    if (path := file_of(url)) is None:
        return open_journal(url, vault_key=vault_key, create=False, clock=clock)
    _check_is_there(path)
    mode = mode_as_found(path)
    vault = Vault(master_key(vault_key, create=False))
    return open_sqlite(path, vault, clock, create=False, mode=mode)


def file_of(url: str) -> Path | None:
    """Return the file that a SQLite journal's URL names; None: it is the URL of another kind."""
    scheme, _, name = url.partition(":///")
    return _path_of(name) if scheme == "sqlite" and name else None


def _check_is_there(path: Path) -> None:
    if not path.exists():
        raise ConfigurationError(
            f"there is no journal {path}: workers and reading commands never create one"
        )


def _path_of(name: str) -> Path:
    """Return the real, absolute path: the directory of the process may change, the file may not."""
    if "?" in name or "\0" in name or name.startswith(":") or name.endswith("/"):
        raise ConfigurationError(f"a journal's URL is a path without options: {SUPPORTED}")
    return Path(os.path.realpath(name))
