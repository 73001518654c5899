"""`resolve`: a person closes an escalated payment, and says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from netcancel import operators
from netcancel.cli import words
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, find_or_stop, reading, result_of
from netcancel.cli.output import plain, show, show_json
from netcancel.cli.retrying import login_name
from netcancel.core.lifecycle import Resolution  # noqa: TC001  cyclopts reads the annotation
from netcancel.core.payment import Version
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.core.payment import Payment


def resolve(
    number: str,
    /,
    *,
    kind: Annotated[Resolution, Parameter(name="--as")],
    note: str,
    seen: str,
    by: str | None = None,
    although_told_void: Annotated[bool, Parameter(negative="")] = False,
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> Exit:
    """Close an escalated payment as you found it. Nothing is sent.

    Ends with 0, 1: there is no such payment, it can't be closed so or not yet, or somebody wrote
    since then.

    Parameters
    ----------
    number
        the merchant transaction number, of the terminal --tid
    kind
        charge-stands, no-charge, or refunded-outside (of this program)
    note
        why, for the history
    seen
        the version that `netcancel show` printed: whoever wrote since then is not overruled
    by
        who decides, for the history; default: the login name
    although_told_void
        let a charge stand whose caller was told that it is void
    """
    version = Version.parse(seen)
    loaded = Settings.load(flags=settings)
    name = login_name() if by is None else by
    with reading(loaded) as journal:
        payment = find_or_stop(journal, loaded, number)
        _check(payment, kind, loaded, although_told_void=although_told_void)
        moved = None
        if payment.version == version:
            moved = result_of(
                operators.resolve(
                    journal,
                    payment,
                    loaded.policy,
                    kind,
                    by=name,
                    note=note,
                    although_told_void=although_told_void,
                )
            )
    if moved is None:
        raise Stop(Exit.NO, f"{number} has changed since that version: look at it again first")
    if as_json:
        show_json(words.payment_row(moved))
    else:
        show(plain(f"{number} is resolved: {kind}"))
    return Exit.DONE


def _check(
    payment: Payment, kind: Resolution, settings: Settings, *, although_told_void: bool
) -> None:
    """Stop with a sentence where the payment can't be closed so, or not yet."""
    number = payment.merc_trx_no
    if (reason := operators.why_not_resolve(payment, settings.policy)) is not None:
        raise Stop(Exit.NO, f"{number} can't be resolved: {reason}")
    if operators.contradicts_what_was_told(payment, kind) and not although_told_void:
        raise Stop(
            Exit.NO,
            f"the caller of {number} was told that it is void: add --although-told-void if its"
            " charge is to stand all the same",
        )
