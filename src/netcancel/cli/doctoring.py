"""`doctor`: what an operator should know before and while it is in production."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.cli.exits import Exit
from netcancel.cli.options import JsonFlag, SettingFlags  # noqa: TC001  cyclopts reads the annotation
from netcancel.cli.output import plain, show, show_json
from netcancel.doctor import Level, Line, examine
from netcancel.settings import Settings

if TYPE_CHECKING:
    from rich.text import Text

STYLES: Final = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}
LEVEL_WIDTH: Final = 5
CHECK_WIDTH: Final = 14


def doctor(*, as_json: JsonFlag = False, **settings: SettingFlags) -> Exit:
    """Check configuration, files, clocks, journal, payments and gateway, and say what to change.

    It changes nothing, and asks the gateway for nothing: one HEAD of its root, without signature.
    Ends with 0: no check fails (there may be warnings), 1: one does, 2: the settings can't be read.
    """
    given = Settings.load(flags=settings)
    lines: list[Line] = []
    for line in examine(given):
        lines.append(line)
        if not as_json:
            _show(line)
    counts = {level: sum(line.level is level for line in lines) for level in Level}
    if as_json:
        show_json({"lines": [_row(line) for line in lines], "counts": counts})
    else:
        show(plain(", ".join(f"{count} {level}" for level, count in counts.items())))
    return Exit.NO if counts[Level.FAIL] else Exit.DONE


def _show(line: Line) -> None:
    level = plain(f"{line.level:<{LEVEL_WIDTH}} ")
    level.stylize(STYLES[line.level])
    things: list[Text] = [level + plain(f"{line.check:<{CHECK_WIDTH}} {line.found}")]
    if line.advice:
        things.append(plain(f"{'':<{LEVEL_WIDTH}} {'':<{CHECK_WIDTH}} do: {line.advice}"))
    show(*things)


def _row(line: Line) -> dict[str, str]:
    return {
        "check": line.check,
        "level": line.level,
        "found": line.found,
        "advice": line.advice,
    }
