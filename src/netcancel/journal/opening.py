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
    scheme, _, name = url.partition(":///")
    if scheme != "sqlite" or not name:
        raise ConfigurationError(f"a journal is one of {SUPPORTED}")
    path = _path_of(name)
    size = _size_of(path)
    if not create and size is None:
        raise ConfigurationError(
            f"there is no journal {path}: workers and reading commands never create one"
        )
    may_make_key = create and not size
    vault = Vault(master_key(vault_key, create=may_make_key))
    return open_sqlite(path, vault, clock, create=create)


def _size_of(path: Path) -> int | None:
    """Return how large a file is; None: there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"the journal {path} can't be used: {error.strerror}") from None


def _path_of(name: str) -> Path:
    """Return the real, absolute path: the directory of the process may change, the file may not."""
    if "?" in name or "\0" in name or name.startswith(":") or name.endswith("/"):
        raise ConfigurationError(f"a journal's URL is a path without options: {SUPPORTED}")
    return Path(os.path.realpath(name))
