"""`retry`: a person gives escalated payments back to recovery."""

from __future__ import annotations

import getpass
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from netcancel import operators
from netcancel.cli import words
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, find_or_stop, reading, result_of
from netcancel.cli.output import plain, show, show_json
from netcancel.core.lifecycle import State
from netcancel.core.payment import Version
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal

    Ask = Callable[[Payment], Future[Payment | None]]

BATCH = 1_000


def retry(
    number: str | None = None,
    /,
    *,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
    kind: Annotated[Literal["cancel", "net-cancel"] | None, Parameter(name="--as")] = None,
    seen: str | None = None,
    by: str | None = None,
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> Exit:
    """Give an escalated payment, or all of them, back to recovery, with a new retry window.

    Nothing is sent by this command: a running `netcancel worker` or guard does it. Ends with 0,
    1: there is no such payment, it is not escalated, or somebody wrote since then.

    Parameters
    ----------
    number
        the merchant transaction number, of the terminal --tid
    everything
        every escalated payment of the journal, as after an outage
    kind
        cancel or net-cancel; default: a cancel where the approval is proven
    seen
        the version that `netcancel show` printed: whoever wrote since then is not overruled
    by
        who asks, for the history; default: the login name
    """
    if (number is None) is not everything:
        raise Stop(Exit.WRONG, "give either a number or --all")
    if (seen is None) is not everything:
        raise Stop(Exit.WRONG, "a number needs --seen VERSION from netcancel show; --all has none")
    if everything and kind is not None:
        raise Stop(Exit.WRONG, "--as is for one payment; --all cancels where approvals are proven")
    version = None if seen is None else Version.parse(seen)
    as_cancel = None if kind is None else kind == "cancel"
    loaded = Settings.load(flags=settings)
    name = login_name() if by is None else by
    with reading(loaded) as journal:
        ask = partial(operators.retry, journal, by=name, as_cancel=as_cancel)
        if number is not None:
            moved, overtaken = [_retry_one(journal, loaded, number, version, ask)], 0
        else:
            moved, overtaken = _retry_all(journal, ask)
    _tell(moved, overtaken, as_json=as_json)
    return Exit.NO if overtaken else Exit.DONE


def _retry_one(
    journal: Journal, settings: Settings, number: str, version: Version | None, ask: Ask
) -> Payment:
    payment = find_or_stop(journal, settings, number)
    if not operators.may_retry(payment):
        raise Stop(
            Exit.NO, f"{number} is {payment.state}, not escalated: there is nothing to retry"
        )
    moved = None
    if payment.version == version:
        moved = result_of(ask(payment))
    if moved is None:
        raise Stop(Exit.NO, f"{number} has changed since that version: look at it again first")
    return moved


def _retry_all(journal: Journal, ask: Ask) -> tuple[list[Payment], int]:
    """Return the payments that were moved, and how many were overtaken by somebody else."""
    moved: list[Payment] = []
    overtaken = 0
    while seen := result_of(journal.list_payments(states=[State.ESCALATED], limit=BATCH)):
        asked = [ask(payment) for payment in seen]
        answers = [result_of(future) for future in asked]
        moved += [payment for payment in answers if payment is not None]
        overtaken += answers.count(None)
        if len(seen) < BATCH or None in answers:
            break
    return moved, overtaken


def _tell(moved: list[Payment], overtaken: int, *, as_json: bool) -> None:
    if as_json:
        rows = [words.payment_row(payment) for payment in moved]
        show_json({"retried": rows, "overtaken": overtaken})
        return
    said = [plain(f"{payment.merc_trx_no} is recovery's again") for payment in moved]
    if overtaken:
        said.append(plain(f"{overtaken} have changed meanwhile: call this again"))
    show(*(said or [plain("nothing is escalated")]))


def login_name() -> str:
    """Return who is logged in; stops where nobody is."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        raise Stop(Exit.WRONG, "this process has no login name: say who asks with --by") from None
