"""Who else can read or replace what only this user may."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from netcancel.doctor.line import Line, fail, ok, warn
from netcancel.errors import ConfigurationError
from netcancel.journal.master_key import key_file
from netcancel.journal.opening import file_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netcancel.settings import Settings

CHECK: Final = "files"

OTHERS: Final = 0o007
GROUP_WRITES: Final = 0o020
GROUP_READS: Final = 0o040
NOT_OURS: Final = 0o077
ROOT: Final = 0

BESIDE: Final = ("-journal", "-wal", "-shm")
"""The endings of SQLite's own files beside a journal."""


class _File(NamedTuple):
    called: str
    path: Path
    is_ours_alone: bool
    """Whether netcancel itself refuses it where the group can do anything with it."""


def files(settings: Settings, *, user: int | None = None) -> Iterator[Line]:
    """Check the files that hold secrets or payments; `user` None: this process's."""
    user = os.geteuid() if user is None else user
    directories: set[Path] = set()
    for file in _files(settings):
        if (line := _file(file, user)) is not None:
            yield line
            # A link can be replaced as well as what it leads to.
            place, target = os.path.realpath(file.path.parent), os.path.realpath(file.path)
            directories |= {Path(place), Path(target).parent}
    for directory in sorted(directories):
        yield _directory(directory, user)
    journal = _journal(settings)
    if journal is not None and not os.access(journal.parent, os.W_OK | os.X_OK):
        yield fail(
            CHECK,
            f"this user can't write in {journal.parent}, where SQLite puts its own files beside the"
            " journal",
            "let this user write there",
        )


def _files(settings: Settings) -> Iterator[_File]:
    for path, called in {path: called for called, path in settings.secret_files}.items():
        yield _File(called, path, is_ours_alone=False)
    if settings.vault_key is None:
        yield _File("the vault key", key_file(), is_ours_alone=True)
    if (journal := _journal(settings)) is not None:
        for ending in ("", *BESIDE):
            path = journal.with_name(journal.name + ending)
            yield _File("the journal", path, is_ours_alone=True)


def _journal(settings: Settings) -> Path | None:
    try:
        return file_of(settings.journal)
    except ConfigurationError:
        return None  # the check of the journal says so


def _file(file: _File, user: int) -> Line | None:
    """Judge a file; None: it isn't there, and whoever needs it says so."""
    named = f"{file.called}: {file.path}"
    try:
        status = file.path.stat()
    except FileNotFoundError:
        return None
    except OSError as error:
        return fail(CHECK, f"{named}: {error.strerror}", "let this user reach it")
    return _stranger(named, status, user) or _reach(file, named, status, user)


def _reach(file: _File, named: str, status: os.stat_result, user: int) -> Line:
    mode = stat.S_IMODE(status.st_mode)
    what = f"{named} has mode {mode:04o}"
    is_own = status.st_uid == user
    # Of a file of root's, this user can only be a reader in its group.
    advice = f"chmod {'600' if is_own else 'o=,g-w'} {file.path}"
    if mode & (NOT_OURS if file.is_ours_alone else OTHERS | GROUP_WRITES):
        return fail(CHECK, f"{what}: others than its user can get at it", advice)
    if mode & GROUP_READS and is_own:
        return warn(CHECK, f"{what}: its whole group can read it", advice)
    return ok(CHECK, what)


def _stranger(what: str, status: os.stat_result, user: int) -> Line | None:
    if status.st_uid in (user, ROOT):
        return None
    return fail(
        CHECK,
        f"{what} belongs to user {status.st_uid}, and this process is user {user}'s",
        "call the doctor as the user that runs shop and workers; if that is so, chown it",
    )


def _directory(directory: Path, user: int) -> Line:
    status = directory.stat()
    if (stranger := _stranger(f"the directory {directory}", status, user)) is not None:
        return stranger
    mode = stat.S_IMODE(status.st_mode)
    what = f"the directory {directory} has mode {mode:04o}"
    # Where the sticky bit is set, only a file's owner can replace it.
    writers = 0 if mode & stat.S_ISVTX else mode
    if writers & stat.S_IWOTH:
        return fail(CHECK, f"{what}: anybody can replace files in it", f"chmod o-w {directory}")
    if writers & stat.S_IWGRP:
        return warn(CHECK, f"{what}: its group can replace files in it", f"chmod g-w {directory}")
    return ok(CHECK, what)
