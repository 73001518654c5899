"""`vault rotate`: everything in the journal is sealed under the current vault key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.cli.exits import Exit
from netcancel.cli.options import JsonFlag, SettingFlags, reading, result_of
from netcancel.cli.output import facts, show, show_json
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.journal.contract import Journal, RewrapPlace

BATCH: Final = 100
"""Rows of one transaction: guards and workers wait no longer for it than for each other."""


def rotate(*, as_json: JsonFlag = False, **settings: SettingFlags) -> Exit:
    """Wrap every row's key anew under the current vault key, and forget the keys before it.

    Guards and workers go on meanwhile; each must have both keys. May be interrupted and called
    again. Ends with 0, or with 1 where something is still sealed with another key: call it again
    after the last process that has the old key as its current one was restarted.
    """
    with reading(Settings.load(flags=settings)) as journal:
        done, damaged = _rewrap_all(journal)
        forgotten = [*result_of(journal.forget_vault_keys())]
        in_use = [*result_of(journal.vault_keys())]
    if as_json:
        show_json({"rewrapped": done, "damaged": damaged, "forgotten": forgotten, "in_use": in_use})
    else:
        said = [
            ("wrapped anew", f"{done} payments"),
            ("keys forgotten", ", ".join(forgotten) or "none"),
            ("keys in use", ", ".join(in_use)),
        ]
        if damaged:
            said.insert(1, ("can't be opened", f"{damaged} payments: left as they are"))
        show(facts(said))
    return Exit.DONE if len(in_use) == 1 else Exit.NO


def _rewrap_all(journal: Journal) -> tuple[int, int]:
    """Go through all rows; returns how many were wrapped anew, and how many couldn't be."""
    from netcancel.journal.contract import RewrapPlace

    done = damaged = 0
    place: RewrapPlace | None = RewrapPlace()
    while place is not None:
        step = result_of(journal.rewrap(place, limit=BATCH))
        done, damaged, place = done + step.done, damaged + step.damaged, step.then
    return done, damaged
