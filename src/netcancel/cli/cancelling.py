"""`cancel`: one approved payment refunded through the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, find_or_stop, reading
from netcancel.cli.output import plain, show, show_json
from netcancel.core.outcomes import Cancelled, CancelRefused, NetCancelled
from netcancel.errors import PaymentNotFound
from netcancel.guard import Guard
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.core.outcomes import CancelOutcome


def cancel(
    number: str,
    /,
    *,
    cancel_trx_no: str | None = None,
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> Exit:
    """Refund the whole of an approved payment, once.

    Called again it tells what is known and sends nothing. A lost answer is followed by a
    net-cancel. Ends with 0: refunded or voided, 1: refused, 3: in doubt.

    Parameters
    ----------
    number
        the merchant transaction number, of the terminal --tid
    cancel_trx_no
        the cancel's own number; default: a new one
    """
    loaded = Settings.load(flags=settings)
    with reading(loaded) as journal:  # which must be there: a wrong path must not make one
        find_or_stop(journal, loaded, number)
    with Guard(**loaded.for_guard(), recovery="off") as guard:
        try:
            outcome = guard.cancel(number, cancel_trx_no=cancel_trx_no)
        except PaymentNotFound:
            message = "the journal knows no payment of this terminal with this number"
            raise Stop(Exit.NO, message) from None
        except KeyboardInterrupt:
            message = "interrupted: recovery carries on with what was begun; netcancel show tells"
            raise Stop(Exit.IN_DOUBT, message) from None
    if as_json:
        show_json(_row(outcome))
    else:
        show(plain(_sentence(outcome)))
    return _exit_of(outcome)


def _exit_of(outcome: CancelOutcome) -> Exit:
    match outcome:
        case Cancelled() | NetCancelled():
            return Exit.DONE
        case CancelRefused():
            return Exit.NO
        case _:
            return Exit.IN_DOUBT


def _sentence(outcome: CancelOutcome) -> str:
    number = outcome.merc_trx_no
    match outcome:
        case Cancelled(approved=approved):
            return f"{number} is refunded: {approved} won"
        case NetCancelled():
            return f"{number} is void: it was net-cancelled"
        case CancelRefused(code=code, message=message):
            return (
                f"{number} is not cancelled: {' '.join(part for part in (code, message) if part)}"
            )
        case _:
            return f"{number} is in doubt ({outcome.state}): netcancel worker carries on"


def _row(outcome: CancelOutcome) -> dict[str, Any]:
    names = ("code", "message", "reason", "requested", "approved", "loss", "detail")
    return {
        "outcome": type(outcome).__name__,
        "merc_trx_no": outcome.merc_trx_no,
        "state": outcome.state,
    } | {name: getattr(outcome, name, None) for name in names}
