"""What commands print: one JSON document, or tables and lines that a terminal can't be fooled by.

Whatever comes from outside (numbers, messages, notes) goes through `plain`: control characters and
marks that reverse reading are shown as their numbers, and nothing in it is taken for markup.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from netcancel.kicc.text import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import RenderableType

PIPE_COLUMNS: Final = 1_000
"""Into a pipe or a file no line is folded: other programs read it by lines."""

STYLES: Final = {
    "approved": "green",
    "net_cancelled": "green",
    "settling": "yellow",
    "net_cancelling": "yellow",
    "escalated": "bold red",
}


def plain(text: str) -> Text:
    """Return foreign text as it may be shown."""
    return Text(escape(text))


def state_text(state: str) -> Text:
    """Return a state in its colour."""
    return Text(state, style=STYLES.get(state, ""))


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, numbers: str = ""
) -> Table:
    """Lay out rows; columns that are named in `numbers` are set to the right."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, justify="right" if column in numbers.split() else "left")
    for row in rows:
        made.add_row(*(plain(cell) if isinstance(cell, str) else cell for cell in row))
    return made


def facts(pairs: Iterable[tuple[str, str | Text]]) -> Table:
    """Lay out names with their values."""
    made = Table.grid(padding=(0, 2))
    for name, value in pairs:
        made.add_row(Text(name, style="dim"), plain(value) if isinstance(value, str) else value)
    return made


def show(*things: RenderableType) -> None:
    """Print for people."""
    is_terminal = sys.stdout.isatty()
    console = Console(
        file=sys.stdout, width=None if is_terminal else PIPE_COLUMNS, highlight=False, markup=False
    )
    with console.capture() as captured:
        console.print(*things, sep="\n")
    # A table fills its lines with spaces up to its width.
    write("".join(line.rstrip() + "\n" for line in captured.get().splitlines()))


def show_json(document: dict[str, Any]) -> None:
    """Print for machines: ASCII, so that nothing in it acts on a terminal."""
    write(json.dumps(document, indent=2) + "\n")


def write(text: str) -> None:
    """Write to the standard output; whoever stopped reading it is not worth a word."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would raise again when the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
