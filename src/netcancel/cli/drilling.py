"""`drill`: a rehearsal under the merchant's own policy, with a report for an auditor."""

from __future__ import annotations

import json
import platform
import secrets
import signal
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from netcancel.cli.demo import SEEDS
from netcancel.cli.drill_options import Options
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, refuse_memory, without_password
from netcancel.cli.output import plain, show, show_json, table
from netcancel.cli.places import empty_directory
from netcancel.core.policy import Policy
from netcancel.demo import scene
from netcancel.errors import ConfigurationError
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from netcancel.cli.demo_view import View
    from netcancel.demo.stage import Cast
    from netcancel.drill.conditions import Conditions
    from netcancel.drill.course import Ended
    from netcancel.drill.report import Report

KEPT: Final = "kept"
"""Below the report: settings, logs, what shops were told, and a journal that is a file."""


def drill(
    *,
    options: Options = Options(),  # noqa: B008  frozen
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> Exit:
    """Rehearse lost answers, kills and pauses under your own policy, and write a report.

    The gateway is a sandbox on this machine: your gateway, credentials and vault keys are not used.
    The journal is a new file beside the report, or with --journal URL an empty database: one that
    holds a journal already is refused. Long durations of your configuration are shortened, and the
    report names both; those that are said here, such as --settle-seconds 60, hold as they are.

    Writes report.html and report.json. Ends with 0: all was closed and the books balance, 1: not
    so, 130: interrupted, with a report of what was until then.
    """
    from netcancel.drill.blows import blows
    from netcancel.drill.conditions import conditions
    from netcancel.drill.course import hold

    given = Settings.load(flags=settings)
    url = _journal(given, settings)
    under = conditions(given.given, settings, given.policy, options.memory)
    _check_faults(options.fault)
    began = datetime.now(UTC)
    directory = empty_directory(options.report or f"netcancel-drill-{began:%Y%m%d-%H%M%S}")
    cast = _cast(options, directory / KEPT, url, under)
    plan = blows(
        cast.seed,
        kills=options.kills,
        pauses=options.pauses,
        shops=cast.shops,
        workers=cast.workers,
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with _view(as_json=as_json) as watch:
        ended = hold(
            cast,
            plan,
            lease_seconds=Policy(**under.policy).hold_seconds,
            within_seconds=options.within_seconds,
            watch=watch,
        )
    made = _report(ended, cast, under, began)
    _keep(made, directory)
    _tell(made, directory, as_json=as_json)
    return _code(made)


def _journal(settings: Settings, said: dict[str, str]) -> str | None:
    """Return the URL that was said for this drill; None: a new file. Stops for a journal in use."""
    from netcancel.journal.opening import file_of, open_tables

    refuse_memory(settings)
    if "journal" not in said:
        if file_of(settings.journal) is None:
            raise Stop(
                Exit.WRONG,
                "your journal is on a server, and a drill never uses it: name an empty database"
                " with --journal URL, or a new file with --journal sqlite:///PATH",
            )
        return None
    file = file_of(settings.journal)
    try:
        if file is None:
            open_tables(settings.journal).standing()
        is_there = file is None or file.exists()
    except ConfigurationError:
        # Nothing is there, or it can't be used: then opening it says why.
        is_there = False
    if is_there:
        raise Stop(
            Exit.WRONG,
            f"there is a journal at {without_password(settings.journal)}: a drill makes its own,"
            " in an empty database or a new file",
        )
    return settings.journal


def _check_faults(words: Sequence[str]) -> None:
    from netcancel.sandbox.faults import FaultPlan, inject_all

    try:
        inject_all(FaultPlan(0), words)
    except ValueError as error:
        raise Stop(Exit.WRONG, str(error)) from None


def _cast(options: Options, kept: Path, url: str | None, under: Conditions) -> Cast:
    from netcancel.demo.stage import Cast

    kept.mkdir(mode=0o700)
    return Cast(
        directory=kept,
        journal=url or scene.journal_in(kept),
        payments=options.payments,
        seed=secrets.randbelow(SEEDS) if options.seed is None else options.seed,
        shops=tuple(f"payer-{place + 1}" for place in range(options.payers)),
        workers=tuple(f"worker-{place + 1}" for place in range(options.workers)),
        faults=options.fault or scene.fault_words(),
        memory=options.memory,
        policy=under.policy,
    )


def _view(*, as_json: bool) -> View:
    """Return what shows the drill; with --json only the document is printed."""
    from netcancel.cli.demo_view import Nothing, view

    return Nothing() if as_json else view()


def _report(ended: Ended, cast: Cast, under: Conditions, began: datetime) -> Report:
    from netcancel.drill.report import report

    return report(
        ended,
        made_at=f"{began:%Y-%m-%d %H:%M:%S} UTC",
        versions={"netcancel": version("netcancel"), "python": platform.python_version()},
        drill={
            "payments": cast.payments,
            "payers": len(cast.shops),
            "workers": len(cast.workers),
            "faults": " ".join(cast.faults),
            "memory": cast.memory,
            "seed": cast.seed,
            "journal": without_password(cast.journal),
        },
        conditions=under,
    )


def _keep(report: Report, directory: Path) -> None:
    from netcancel.drill.page import page

    document = json.dumps(report.to_json(), indent=2) + "\n"
    (directory / "report.json").write_text(document, encoding="utf-8")
    (directory / "report.html").write_text(page(report), encoding="utf-8")


def _tell(report: Report, directory: Path, *, as_json: bool) -> None:
    """Print the verdict, or the whole document."""
    if as_json:
        show_json(report.to_json())
        return
    from netcancel.drill.page import BALANCED, ENDINGS, NOT_BALANCED

    verdict, _ = BALANCED if report.balances else NOT_BALANCED
    incomplete, _ = ENDINGS[report.ending]
    rows = [(name, str(count)) for name, count in report.problems.items()]
    show(table(("must be 0", "payments"), rows, numbers="payments"))
    sentences = (verdict, incomplete, report.why, f"the report is {directory / 'report.html'}")
    show(*(plain(sentence) for sentence in sentences if sentence))


def _code(report: Report) -> Exit:
    from netcancel.drill.course import Ending

    if report.ending is Ending.INTERRUPTED:
        raise KeyboardInterrupt
    return Exit.DONE if report.is_passed else Exit.NO
