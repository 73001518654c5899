"""`db check`, `upgrade`, `hold` and `release`: what a person does with a journal as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.cli import words
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, reading, refuse_memory, result_of
from netcancel.cli.output import facts, plain, show, show_json
from netcancel.cli.retrying import login_name
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.journal.migrations import Standing, Tables


def check(*, as_json: JsonFlag = False, **settings: SettingFlags) -> Exit:
    """Say which migrations are there, which are missing, and whether the tables are their sum.

    Nothing is written. Ends with 0, or with 1 where something is missing or was changed.
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
    Ends with 0, also where nothing was missing.
    """
    applied = [*_tables(settings).upgrade()]
    if as_json:
        show_json({"applied": applied})
    else:
        show(*([plain(f"applied {name}") for name in applied] or [plain("nothing was missing")]))


def hold(
    *, note: str, by: str | None = None, as_json: JsonFlag = False, **settings: SettingFlags
) -> Exit:
    """Have recovery claim nothing more, in any process, until `netcancel db release`.

    For a journal that you restore from a backup, before any worker meets it. What workers have
    claimed before, they finish; approvals, confirmations, explicit cancels and the first net-cancel
    of a living caller go on. Ends with 0, or with 1 where another hold stands already.

    Parameters
    ----------
    note
        why; kept in the journal and shown by `netcancel status`
    by
        who decides; kept too; default: the login name
    """
    from netcancel import operators

    name = by or login_name()
    with reading(Settings.load(flags=settings)) as journal:
        standing = result_of(operators.place_hold(journal, by=name, note=note))
    if standing.reason != operators.reason_of_hold(by=name, note=note):
        raise Stop(Exit.NO, f"recovery is held already: {standing.reason}")
    if as_json:
        show_json({"reason": standing.reason, "held_at": words.iso(standing.held_at)})
    else:
        show(plain("held: recovery claims nothing more until netcancel db release"))
    return Exit.DONE


def release(
    *, note: str, by: str | None = None, as_json: JsonFlag = False, **settings: SettingFlags
) -> Exit:
    """Let recovery go on in a journal that was held, such as one restored from a backup.

    First look at what recovery would void: payments that are open here may have been approved and
    shipped since the backup. Confirm what is unconfirmed and must not be voided. With a payment
    that is approving and must not be, begin another journal instead of releasing this one. Ends
    with 0, or with 1 where nothing is held.

    Parameters
    ----------
    note
        what you found and why it may go on; kept in the journal
    by
        who decides; kept too; default: the login name
    """
    from netcancel import operators

    name = by or login_name()
    with reading(Settings.load(flags=settings)) as journal:
        mark = result_of(operators.release_hold(journal, by=name, note=note))
    if mark is None:
        raise Stop(Exit.NO, "nothing is held: recovery works as ever")
    if as_json:
        show_json({"life": mark.id})
    else:
        show(plain("released: recovery goes on at its next look"))
    return Exit.DONE


def _tables(flags: dict[str, str]) -> Tables:
    from netcancel.journal.opening import open_tables

    settings = Settings.load(flags=flags)
    refuse_memory(settings)
    return open_tables(settings.journal)
