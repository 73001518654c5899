"""Where the master keys come from: the argument, the environment, or a key file made once.

The first that is set decides; nothing falls back from a key that is malformed or weak. Previous
keys, which only open, come from the argument or the environment.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import os
import stat
from pathlib import Path
from typing import Final

from netcancel.errors import ConfigurationError
from netcancel.journal.vault import KEY_BYTES

KEY_VARIABLE: Final = "NETCANCEL_VAULT_KEY"
FILE_VARIABLE: Final = "NETCANCEL_VAULT_KEY_FILE"
PREVIOUS_VARIABLE: Final = "NETCANCEL_PREVIOUS_VAULT_KEYS"
PREVIOUS_FILE_VARIABLE: Final = "NETCANCEL_PREVIOUS_VAULT_KEYS_FILE"
FILE_BYTES_MAX: Final = 1024
"""A key is 44 characters; anything long is not a key file."""

DIFFERENT_BYTES_MIN: Final = 16
"""32 bytes of chance have about 30 different values; fewer than 16 happen never."""

_HOW: Final = "make one with: openssl rand -base64 32"


def master_key(vault_key: str | None = None, *, create: bool = True) -> bytes:
    """Return the master key, 32 bytes; where none is set, make the key file if `create` allows it.

    Raises `ConfigurationError`, which says what to do and never shows the key.
    """
    if vault_key is not None:
        return parse(vault_key, "vault_key")
    if (text := os.environ.get(KEY_VARIABLE)) is not None:
        return parse(text, KEY_VARIABLE)
    if (name := os.environ.get(FILE_VARIABLE)) is not None:
        return _read(Path(name))
    path = key_file()
    if create and not path.exists():
        _make(path)
    return _read(path)


def is_from_key_file(vault_key: str | None) -> bool:
    """Whether no key is set anywhere, so that the key file of this host decides."""
    return vault_key is None and not {KEY_VARIABLE, FILE_VARIABLE} & os.environ.keys()


def key_file() -> Path:
    """Return where the key file is, or would be made."""
    return state_directory() / "vault.key"


def previous_keys(given: str | None = None) -> list[bytes]:
    """Return the master keys that may only open: none, one, or several separated by commas.

    Raises `ConfigurationError`, which never shows a key.
    """
    if given is not None:
        return _parse_all(given, "previous_vault_keys")
    if (text := os.environ.get(PREVIOUS_VARIABLE)) is not None:
        return _parse_all(text, PREVIOUS_VARIABLE)
    if (name := os.environ.get(PREVIOUS_FILE_VARIABLE)) is not None:
        path = Path(name)
        return _parse_all(_read_text(path), f"the vault key file {path}")
    return []


def _parse_all(text: str, source: str) -> list[bytes]:
    return [parse(part, source) for part in text.split(",")]


def state_directory() -> Path:
    """Return this host's directory for what belongs to no single journal."""
    home = os.environ.get("XDG_STATE_HOME") or ""
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".local" / "state"
    return base / "netcancel"


def parse(text: str, source: str) -> bytes:
    """Read a key as 32 bytes in Base64, and refuse one that chance did not make."""
    try:
        key = base64.b64decode(text.strip().encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        key = b""
    if len(key) != KEY_BYTES:
        raise ConfigurationError(f"{source} must be 32 bytes in Base64 (44 characters); {_HOW}")
    if _is_weak(key):
        raise ConfigurationError(f"{source} is not a key made by chance; {_HOW}")
    return key


def _is_weak(key: bytes) -> bool:
    steps = {(b - a) % 256 for a, b in itertools.pairwise(key)}
    is_text = key.isascii() and key.decode().isprintable()
    return len(set(key)) < DIFFERENT_BYTES_MIN or len(steps) == 1 or is_text


def _read(path: Path) -> bytes:
    return parse(_read_text(path), f"the vault key file {path}")


def _read_text(path: Path) -> str:
    """Read a key file that nobody else can read."""
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > FILE_BYTES_MAX:
                raise ConfigurationError(f"{path} is not a vault key file")
            if status.st_mode & 0o077:
                raise ConfigurationError(f"others can read the vault key: chmod 600 {path}")
            return file.read(FILE_BYTES_MAX).decode("ascii", errors="replace")
    except FileNotFoundError:
        raise ConfigurationError(
            f"there is no vault key: set {KEY_VARIABLE}, or bring the key file back to {path}"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"the vault key file {path}: {error.strerror}") from None


def _make(path: Path) -> None:
    """Make a key file with a new key, unless another process makes it first."""
    try:
        private_directory(path.parent)
        _write_once(path, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
    except OSError as error:
        raise ConfigurationError(
            f"the vault key file {path} can't be made: {error.strerror}; set {KEY_VARIABLE}"
        ) from None


def private_directory(directory: Path) -> None:
    """Make a directory of ours if need be; raises `ConfigurationError` for one of everybody's."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.stat().st_mode & 0o022:
        raise ConfigurationError(f"others could replace what is in it: chmod 700 {directory}")


def _write_once(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; a file that is there already stays."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(draft, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A link is exclusive, and whoever finds the name finds the whole key behind it.
        path.hardlink_to(draft)
    except FileExistsError:
        return
    finally:
        draft.unlink()
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
