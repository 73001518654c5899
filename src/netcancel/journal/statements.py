"""SQL, which stands in text files of its own, so that it can be read and audited alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = re.compile(r":([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose named parameters became positions: binding by name costs a look-up each."""

    text: str
    names: tuple[str, ...]

    def bind(self, values: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of the text."""
        return [values[name] for name in self.names]


def load(name: str) -> Statement:
    """Return the statement of sql/sqlite/NAME.sql."""
    text = _COMMENT.sub("", script(f"{name}.sql")).strip()
    return Statement(_NAME.sub("?", text), tuple(_NAME.findall(text)))


def script(name: str) -> str:
    """Return the text of a file in sql/sqlite/."""
    return files("netcancel.journal").joinpath("sql", "sqlite", name).read_text(encoding="utf-8")
