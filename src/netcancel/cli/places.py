"""Directories that a command may fill."""

from __future__ import annotations

from pathlib import Path

from netcancel.cli.exits import Exit, Stop


def empty_directory(given: str) -> Path:
    """Return a directory, made if need be; stops for one with something in it."""
    directory = Path(given).absolute()
    try:
        directory.mkdir(parents=True, exist_ok=True)
        is_used = any(directory.iterdir())
    except OSError as error:
        raise Stop(Exit.WRONG, f"{given!a} can't be used: {error.strerror}") from None
    if is_used:
        raise Stop(Exit.WRONG, f"{given!a} is not empty: name a new directory")
    return directory
