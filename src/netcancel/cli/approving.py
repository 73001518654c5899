"""`approve`: one payment through the journal, as a merchant's program would make it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netcancel.cli import words
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.given import ApprovalFlags, gather, refuse_token_flags
from netcancel.cli.options import JsonFlag, SettingFlags, refuse_memory
from netcancel.cli.output import plain, show, show_json
from netcancel.core.outcomes import Approved, Cancelled, Declined, NetCancelled
from netcancel.guard import Guard
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.core.outcomes import Outcome

FIELDS = (
    "merc_trx_no",
    "token_key",
    "trx_amt",
    "vat_amt",
    "svc_amt",
    "tax_free_amt",
    "alot_month",
    "user_data",
)
"""Who sells comes from the settings, and the time is the present."""


def approve(
    source: str | None = None,
    /,
    *,
    flags: ApprovalFlags = ApprovalFlags(),  # noqa: B008  frozen
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> Exit:
    """Charge a card once, and know it, or know that nobody is charged.

    Called again with the same data it tells what is known and sends nothing. Ends with 0:
    approved, 1: declined, voided or refunded, 3: in doubt (`netcancel worker` carries on).

    Parameters
    ----------
    source
        a JSON file with the manual's field names, or - for standard input; flags win over it
    """
    refuse_token_flags(settings)
    given = gather(source, flags, allowed=FIELDS)
    missing = [name for name in ("merc_trx_no", "trx_amt", "vat_amt") if name not in given]
    if missing:
        raise Stop(Exit.WRONG, f"not given: {', '.join(missing)}")
    loaded = Settings.load(flags=settings)
    refuse_memory(loaded)
    outcome = _approve(loaded, given)
    if as_json:
        show_json(_row(outcome))
    else:
        show(plain(_sentence(outcome)))
    return _exit_of(outcome)


def _approve(settings: Settings, given: dict[str, Any]) -> Outcome:
    with Guard(**settings.for_guard(), recovery="off") as guard:
        try:
            return guard.approve(**given)
        except KeyboardInterrupt:
            raise Stop(
                Exit.IN_DOUBT,
                "interrupted: if it was sent, recovery voids it; netcancel show tells",
            ) from None


def _exit_of(outcome: Outcome) -> Exit:
    match outcome:
        case Approved():
            return Exit.DONE
        case Declined() | NetCancelled() | Cancelled():
            return Exit.NO
        case _:
            return Exit.IN_DOUBT


def _sentence(outcome: Outcome) -> str:
    number = outcome.merc_trx_no
    match outcome:
        case Approved(answer=answer):
            return f"{number} is approved: approval {answer.aprv_no} of {answer.aprv_dt}"
        case Declined(code=code, message=message):
            return f"{number} is declined: {code} {message}"
        case NetCancelled():
            return f"{number} is net-cancelled ({_why(outcome)}): try again with a new number"
        case Cancelled(reason=reason, approved=approved):
            return f"{number} is refunded ({reason}): {approved} won had been charged"
        case _:
            return (
                f"{number} is in doubt ({_why(outcome)}): ship nothing, netcancel worker carries on"
            )


def _why(outcome: Outcome) -> str:
    loss = getattr(outcome, "loss", None)
    detail = str(getattr(outcome, "detail", ""))
    said = [words.LOSSES[loss]] if loss is not None else []
    return ": ".join([*said, *([detail] if detail else [])]) or str(outcome.state)


def _row(outcome: Outcome) -> dict[str, Any]:
    answer = getattr(outcome, "answer", None)
    return {
        "outcome": type(outcome).__name__,
        "merc_trx_no": outcome.merc_trx_no,
        "state": outcome.state,
        "code": getattr(outcome, "code", None),
        "message": getattr(outcome, "message", None),
        "loss": getattr(outcome, "loss", None),
        "detail": getattr(outcome, "detail", None),
        "reason": getattr(outcome, "reason", None),
        "requested": getattr(outcome, "requested", None),
        "approved": getattr(outcome, "approved", None),
        "answer": None if answer is None else words.answer_row(answer),
    }
