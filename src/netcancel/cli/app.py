"""The program `netcancel`: which commands there are, and how whatever they raise is told.

A command's module is loaded when it is called, so that `--help` needs none of them.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, TextIO

from cyclopts import App, CycloptsError

from netcancel.cli.exits import Exit, Stop
from netcancel.errors import NetcancelError, TooManyInDoubt

if TYPE_CHECKING:
    from collections.abc import Sequence

HELP = """Approve card payments and never leave a lost answer charged.

Settings come from flags (--base-url URL), the environment (NETCANCEL_BASE_URL) or netcancel.toml.
The first that has one wins.

Exit codes: 0 done, 1 the answer is no, 2 wrong usage or configuration, 3 in doubt.
"""

STDIN = "/dev/stdin"
"""What "-" stands for; `given` reads it without opening it."""

COMMANDS = (
    ("demo", "demo:demo", "Tell the whole story in about a minute, without credentials."),
    (
        "drill",
        "drilling:drill",
        "Rehearse lost answers and kills under your policy, with a report.",
    ),
    ("sandbox", "sandbox:sandbox", "Run a simulated gateway that knows who was charged."),
    ("approve", "approving:approve", "Charge a card once, through the journal."),
    ("cancel", "cancelling:cancel", "Refund an approved payment, once, through the journal."),
    ("net-cancel", "net_cancelling:net_cancel", "Send one net-cancel by hand, without journal."),
    ("status", "reading:status", "Count the journal's payments."),
    ("list", "reading:list_payments", "List payments, newest first."),
    ("show", "reading:show", "Show one payment with its history."),
    ("explain", "explaining:explain", "Say what a state means and what leads in and out."),
    ("retry", "retrying:retry", "Give escalated payments back to recovery."),
    ("resolve", "resolving:resolve", "Close an escalated payment as a person found it."),
    ("reconcile", "reconciling:reconcile", "Compare a settlement file with the journal."),
    ("archive", "archiving:archive", "Move payments closed long ago from the journal to a file."),
    ("db check", "upkeep:check", "Compare the journal's tables with this netcancel's."),
    ("db upgrade", "upkeep:upgrade", "Bring the journal's tables up to date."),
    ("db hold", "upkeep:hold", "Have recovery claim nothing more until it is released."),
    ("db release", "upkeep:release", "Let recovery go on in a journal that was held."),
    ("vault rotate", "rotating:rotate", "Seal everything anew under the current vault key."),
    ("proxy", "proxying:proxy", "Serve shops in other languages as a drop-in gateway."),
    ("doctor", "doctoring:doctor", "Check configuration, files, journal, clocks and gateway."),
    ("worker", "working:worker", "Recover payments until stopped; several may run."),
)
"""Name, module below `netcancel.cli` with its function, and help, in the order of the help."""

GROUPS = {
    "db": "Keep the journal: its tables, and holds of recovery.",
    "vault": "Keep the keys that seal tokens.",
}
"""The first words of names of two."""


def make_app() -> App:
    """Describe the program; loads no command."""
    app = App(
        name="netcancel",
        help=HELP,
        help_format="plaintext",
        version=_version,
        suppress_keyboard_interrupt=False,
    )
    groups: dict[str, App] = {}
    for order, (name, place, says) in enumerate(COMMANDS):
        first, _, second = name.partition(" ")
        if second and first not in groups:
            groups[first] = App(name=first, help=GROUPS[first], sort_key=order)
            app.command(groups[first])
        parent = groups[first] if second else app
        parent.command(f"netcancel.cli.{place}", name=second or first, help=says, sort_key=order)
    return app


def _version() -> str:
    from importlib.metadata import version

    return version("netcancel")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; what it raises on purpose becomes one sentence."""
    _let_every_character_through(sys.stdout)
    _let_every_character_through(sys.stderr)
    # A lone "-" would be read as an option without a name.
    words = sys.argv[1:] if arguments is None else arguments
    given = [STDIN if word == "-" else word for word in words]
    try:
        code = make_app()(
            given, exit_on_error=False, print_error=False, result_action="return_value"
        )
    except CycloptsError as error:
        return _say(" ".join(str(error).split()), Exit.WRONG)
    except Stop as stop:
        return _say(stop.sentence, stop.code)
    except TooManyInDoubt as error:
        return _say(str(error), Exit.NO)
    except NetcancelError as error:
        return _say(str(error), Exit.WRONG)
    except KeyboardInterrupt:
        return _say("interrupted", Exit.INTERRUPTED)
    return Exit.DONE if code is None else int(code)


def _let_every_character_through(stream: TextIO) -> None:
    """Let a terminal that can't show a character show its number: printing never fails."""
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _say(sentence: str, code: Exit) -> int:
    from netcancel.kicc.text import escape

    # It may name a file, or show what was typed: nothing in it acts on a terminal.
    print(f"netcancel: {escape(sentence)}", file=sys.stderr)  # noqa: T201  this is what it is for
    return int(code)
