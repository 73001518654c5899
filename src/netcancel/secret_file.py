"""A secret in a file of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from netcancel.errors import ConfigurationError

SECRET_BYTES_MAX: Final = 4_096
"""No secret of ours is longer: a larger file is another one."""


class SecretFile(NamedTuple):
    """A file that holds a secret, and the setting that names it."""

    called: str
    path: Path


def read_secret(path: str, called: str) -> str:
    """Read a secret from the first and only line of a file; `called` names the setting.

    Raises `ConfigurationError` for anything else.
    """
    try:
        with Path(path).open("rb") as file:
            text = file.read(SECRET_BYTES_MAX + 1).decode()
    except OSError as error:
        raise ConfigurationError(
            f"{called} names a file that can't be read: {error.strerror}"
        ) from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{called} names a file that is not text") from None
    secret = text.removesuffix("\n").removesuffix("\r")
    if not secret or len(text) > SECRET_BYTES_MAX or "\n" in secret:
        raise ConfigurationError(f"{called} must name a file with the secret on its only line")
    return secret
