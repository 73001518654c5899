"""`db check` and `db upgrade`: the journal's tables, and this netcancel's migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.cli.exits import Exit
from netcancel.cli.options import JsonFlag, SettingFlags, refuse_memory
from netcancel.cli.output import facts, plain, show, show_json
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.journal.migrations import Standing, Tables


def check(*, as_json: JsonFlag = False, **settings: SettingFlags) -> Exit:
    """Say which migrations are there, which are missing, and whether the tables are their sum.

    Exit code 1 where something is missing or was changed. Nothing is written.
    """
    standing = _tables(settings).standing()
    if as_json:
        show_json(
            {
                "schema": standing.schema,
                "applied": list(standing.applied),
                "missing": list(standing.missing),
                "is_newer": standing.is_newer,
                "is_sum": standing.is_sum,
            }
        )
    else:
        show(facts(_facts(standing)))
    return Exit.DONE if standing.is_good else Exit.NO


def _facts(standing: Standing) -> list[tuple[str, str]]:
    missing = ", ".join(standing.missing)
    if standing.is_newer:
        tables = "of a newer netcancel: upgrade this one"
    elif standing.is_sum:
        tables = "as the migrations made them"
    else:
        tables = "somebody changed them: restore the journal"
    return [
        ("schema", str(standing.schema)),
        ("applied", ", ".join(standing.applied)),
        ("missing", f"{missing}: run netcancel db upgrade" if missing else "nothing"),
        ("tables", tables),
    ]


def upgrade(*, as_json: JsonFlag = False, **settings: SettingFlags) -> None:
    """Apply the migrations that are missing, each in a transaction of its own.

    Guards and workers of the release before may go on meanwhile, unless its notes say otherwise.
    """
    applied = [*_tables(settings).upgrade()]
    if as_json:
        show_json({"applied": applied})
    else:
        show(*([plain(f"applied {name}") for name in applied] or [plain("nothing was missing")]))


def _tables(flags: dict[str, str]) -> Tables:
    from netcancel.journal.opening import open_tables

    settings = Settings.load(flags=flags)
    refuse_memory(settings)
    return open_tables(settings.journal)
