"""What a performance needs before it starts: faults, policy, and a directory with settings.

The directory holds an ordinary `netcancel.toml`, so that `netcancel list` works in it afterwards.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RATE: Final = "0.01"
"""Of each of the thirty-odd ways to lose an approval: together about a third are lost."""

FREQUENT: Final = {
    "decline": "0.05",
    "net-cancel-answer-lost": "0.15",
    "net-cancel-silence": "0.1",
    "net-cancel-refused": "0.1",
    "processing-delayed": "0.02",
    "processed-twice": "0.02",
}

POLICY: Final[Mapping[str, float]] = {
    "timeout_seconds": 1.0,
    "settle_seconds": 3.0,
    "first_retry_seconds": 0.2,
    "retry_ceiling_seconds": 2.0,
    "retry_window_seconds": 300.0,
}
"""A day of a shop in a minute."""

CONFIG_NAME: Final = "netcancel.toml"
KEY_NAME: Final = "vault.key"
JOURNAL_NAME: Final = "payments.db"
KEY_BYTES: Final = 32


def fault_words(rate: str = RATE) -> list[str]:
    """Return every fault of the sandbox with its rate, as `sandbox --fault` takes them.

    `rate` is that of each fault that isn't frequent.
    """
    from netcancel.sandbox.faults import CATALOGUE  # noqa: PLC0415  only a start needs it

    return [f"{fault.name}:{FREQUENT.get(fault.name, rate)}" for fault in CATALOGUE]


def journal_in(directory: Path) -> str:
    """Return the URL of the journal that is a file in `directory`."""
    return f"sqlite:///{(directory / JOURNAL_NAME).resolve()}"


def write_settings(
    directory: Path,
    sandbox: Mapping[str, Any],
    journal: str,
    policy: Mapping[str, Any] = POLICY,
) -> Path:
    """Write the settings file of all processes, and the key that seals the journal's tokens.

    `sandbox` is what `netcancel sandbox --json` printed. Returns the settings file's path.
    """
    key = directory / KEY_NAME
    content = base64.b64encode(secrets.token_bytes(KEY_BYTES))
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content + b"\n")
    settings: dict[str, Any] = {
        name.removeprefix("NETCANCEL_").lower(): value
        for name, value in sandbox["settings"].items()
    }
    settings |= {
        "journal": journal,
        "vault_key_file": str(key.resolve()),
        "environment": "demo",
        **policy,
    }
    path = directory / CONFIG_NAME
    # JSON writes texts, numbers and lists as TOML does.
    lines = [
        f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in settings.items()
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path
