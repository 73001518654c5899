"""Write docs/cli.md from the commands' own help: `python -m tools.commands`."""

from __future__ import annotations

import io
import re
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console

from netcancel.cli.app import COMMANDS, make_app

if TYPE_CHECKING:
    from collections.abc import Iterable

PAGE: Final = Path(__file__).parents[1] / "docs" / "cli.md"

COLUMNS: Final = 2_000
"""So wide that no line of a help is folded."""

HEAD: Final = """\
# The command line

<!-- Written by `python -m tools.commands` from the commands' help: don't edit it by hand. -->

Settings come from flags, from the environment or from `netcancel.toml`, in this order; all of them
are in [settings.md](settings.md). A secret and a token are never a flag: others see those.

With `--json` a command prints one document instead of lines for people: in ASCII, amounts in whole
KRW, times in UTC.

| exit code | says |
|---|---|
| 0 | done |
| 1 | the answer is no: declined, voided, refused, not found, not balanced |
| 2 | wrong usage or configuration, a file or a journal that can't be used; nothing was sent |
| 3 | in doubt: recovery carries on |
| 130 | interrupted by Ctrl-C |

What ends with anything but 0 says why on the standard error, in one sentence.
"""

_ROW: Final = re.compile(r"│ +(?:\* +)?(?P<name>\S+(?: \S+)*?)(?:  +(?P<says>.*?))? *│")


def render() -> str:
    """Return the page."""
    return "\n".join([HEAD, *(_section(name) for name, _, _ in COMMANDS)])


def help_of(command: str) -> str:
    """Return what `netcancel COMMAND --help` prints, each entry on one line."""
    said = io.StringIO()
    make_app().help_print(command.split(), console=Console(file=said, width=COLUMNS))
    return said.getvalue()


def entries(text: str) -> list[tuple[str, str]]:
    """Return a help's arguments and flags, each with what it says of it."""
    rows = (_ROW.fullmatch(line.rstrip()) for line in text.splitlines())
    return [(row["name"], row["says"] or "") for row in rows if row is not None]


def _section(command: str) -> str:
    text = help_of(command)
    usage = text.splitlines()[0].removeprefix("Usage: ").strip()
    # What is told at length stands above the parameters, which the help has told already.
    told, _, _ = cleandoc(_function_of(command).__doc__ or "").partition("\nParameters\n")
    return "\n".join(
        [f"## {command}\n", f"`{usage}`\n", told.strip() + "\n", _table(entries(text))]
    )


def _function_of(command: str) -> object:
    app = make_app()
    for word in command.split():
        app = app[word]
    return app.default_command


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| `{name}` | {says.replace('|', '&#124;')} |\n" for name, says in rows]
    return "".join(["| argument or flag | what it is |\n|---|---|\n", *lines])


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
