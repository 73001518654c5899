"""Settings of nobody but the test, and lines that are found by their words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from netcancel.settings import Settings
from tests.canaries import leaks_in
from tests.journal.samples import KEY
from tests.test_settings import NEEDED
from tests.wire.conftest import authority, ca_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from netcancel.doctor import Level, Line

    Load = Callable[..., Settings]

__all__ = ["authority", "ca_file"]  # fixtures of the wire's tests, which these share


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Return what loads the settings that are needed, with changes; None takes one out."""

    def load_with(toml: str | None = None, **changes: Any) -> Settings:
        if toml is not None:
            (tmp_path / "netcancel.toml").write_text(toml, encoding="utf-8")
        named = {f"NETCANCEL_{name.upper()}": value for name, value in changes.items()}
        usual = {
            "NETCANCEL_JOURNAL": f"sqlite:///{tmp_path}/journal.db",
            "NETCANCEL_VAULT_KEY": KEY,
        }
        environ = NEEDED | usual | named
        return Settings.load(
            environ={name: str(value) for name, value in environ.items() if value is not None},
            directory=tmp_path,
        )

    return load_with


def level_of(lines: Iterable[Line], words: str) -> Level:
    """Return the level of the one line in which these words stand; no line shows a canary."""
    told = list(lines)
    assert leaks_in(repr(told)) == []
    found = [line for line in told if words in f"{line.check}: {line.found} {line.advice}"]
    assert len(found) == 1, [f"{line.level} {line.found}" for line in told]
    return found[0].level


def not_ok(lines: Iterable[Line]) -> list[str]:
    """Return what is not as it should be."""
    return [f"{line.check}: {line.found}" for line in lines if line.level != "OK"]
