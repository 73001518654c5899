"""SQL, which stands in text files of its own, so that it can be read and audited alone."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROWS_MAX: Final = 64
"""Most rows in one statement; a long one takes a while to prepare, once for each connection."""

_NAME = re.compile(r":([a-z_]+)")
_COMMENT = re.compile(r"--[^\n]*")
_ROW = re.compile(r"(?<=VALUES )\([^()]*\)")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement whose named parameters became positions: binding by name costs a look-up each."""

    text: str
    names: tuple[str, ...]

    def bind(self, *rows: Mapping[str, Any]) -> list[Any]:
        """Return the parameters in the order of the text, which has room for so many rows."""
        return [row[name] for row in rows for name in self.names]


@dataclass(frozen=True, slots=True)
class RowsStatement:
    """A statement for any number of rows, with one for each power of two, longest first.

    With one for every number of rows, hardly any would ever be prepared already.
    """

    by_size: Mapping[int, Statement]

    def parts(
        self, rows: Sequence[Mapping[str, Any]]
    ) -> Iterator[tuple[Statement, Sequence[Mapping[str, Any]]]]:
        """Share the rows out among statements, in their order."""
        done = 0
        for size, statement in self.by_size.items():
            while len(rows) - done >= size:
                yield statement, rows[done : done + size]
                done += size


def load(name: str) -> Statement:
    """Return the statement of sql/sqlite/NAME.sql."""
    text = _text(name)
    return Statement(_NAME.sub("?", text), tuple(_NAME.findall(text)))


def load_rows(name: str) -> RowsStatement:
    """Return the statement of sql/sqlite/NAME.sql, whose parameters all stand in one row."""
    text = _text(name)
    found = _ROW.search(text)
    if found is None or _NAME.search(text[: found.start()] + text[found.end() :]):
        raise ValueError(f"{name}.sql must have all its parameters in one row of VALUES")
    row, before, after = found[0], text[: found.start()], text[found.end() :]
    names, positions = tuple(_NAME.findall(row)), _NAME.sub("?", row)
    sizes = (1 << bits for bits in reversed(range(ROWS_MAX.bit_length())))
    texts = {size: before + ", ".join([positions] * size) + after for size in sizes}
    return RowsStatement({size: Statement(text, names) for size, text in texts.items()})


def script(name: str) -> str:
    """Return the text of a file in sql/sqlite/."""
    return files("netcancel.journal").joinpath("sql", "sqlite", name).read_text(encoding="utf-8")


def _text(name: str) -> str:
    return _COMMENT.sub("", script(f"{name}.sql")).strip()
