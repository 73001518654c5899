"""What a SQLite journal tells of many payments at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import State
from netcancel.core.payment import MICROSECONDS
from netcancel.journal import sqlite_rows
from netcancel.journal.contract import Summary
from netcancel.journal.statements import load

if TYPE_CHECKING:
    from collections.abc import Collection

    from netcancel.core.payment import Payment
    from netcancel.journal.sqlite_joined import Runs

PAGE: Final = load("page")
LIST: Final = load("list")
LIST_IN_DOUBT: Final = load("list_in_doubt")
SUMMARY_STATES: Final = load("summary_states")
SUMMARY_IN_DOUBT: Final = load("summary_in_doubt")
SUMMARY_REFUSALS: Final = load("summary_refusals")

KNOWN_STATES: Final = {state.value: state for state in State}


def payments(session: Runs, now: int, *, states: str, in_doubt: bool, limit: int) -> list[Payment]:
    """Return payments in some states, a JSON list of names; newest first, without history."""
    statement = LIST_IN_DOUBT if in_doubt else LIST
    values = {"states": states, "limit": limit, "now": now}
    return [sqlite_rows.payment_in_part(row, now) for row in session.execute(statement, values)]


def page(session: Runs, now: int, *, tid: str, merc_trx_no: str, limit: int) -> list[Payment]:
    """Return the payments that follow a number, in the order of numbers."""
    after = {"tid": tid, "merc_trx_no": merc_trx_no, "limit": limit}
    return [sqlite_rows.payment_in_part(row, now) for row in session.execute(PAGE, after)]


def summary(session: Runs, now: int, *, worlds: Collection[str]) -> Summary:
    """Count the payments; those of all but `worlds` are others'."""
    by_state: dict[State, int] = {}
    of_other_worlds = 0
    for row in session.execute(SUMMARY_STATES, {"worlds": json.dumps(list(worlds))}):
        state = KNOWN_STATES.get(row["state"])
        if state is not None:
            by_state[state] = by_state.get(state, 0) + row["payments"]
        # A state of a newer netcancel: no worker of this one touches it, so it counts as foreign.
        if state is None or not (row["is_ours"] or state.is_final):
            of_other_worlds += row["payments"]
    in_doubt = session.execute(SUMMARY_IN_DOUBT, {"now": now}).fetchone()
    refusals = session.execute(SUMMARY_REFUSALS, {}).fetchall()
    return Summary(
        by_state=by_state,
        in_doubt=in_doubt["payments"],
        oldest_in_doubt_seconds=max(0, in_doubt["oldest"]) / MICROSECONDS,
        of_other_worlds=of_other_worlds,
        refusals={row["refused"]: row["payments"] for row in refusals},
    )
