"""What a person may do with a payment (docs/protocol.md).

Only on the version that the person has seen. Nothing here sends anything: what is to be sent is
recovery's, and no move leads back to an approval.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import CancelReason, Event, Resolution, is_move
from netcancel.core.payment import MICROSECONDS, Change
from netcancel.core.refund import can_be_cancelled
from netcancel.desk import new_tag
from netcancel.errors import ConfigurationError
from netcancel.kicc import ApprovalAnswer
from netcancel.kicc.text import is_safe

if TYPE_CHECKING:
    from concurrent.futures import Future

    from netcancel.core.payment import Payment
    from netcancel.core.policy import Policy
    from netcancel.journal.contract import Journal
    from netcancel.journal.life import Hold, Mark

NAME_CHARACTERS_MAX: Final = 64
"""Who asked is kept in the history: a name, not a story."""

NOTE_CHARACTERS_MAX: Final = 500
"""Why somebody decided is kept in the history too."""


def may_retry(payment: Payment) -> bool:
    """Whether the payment is a person's to retry."""
    return is_move(payment.state, Event.RETRY_ASKED)


def retry(
    journal: Journal, seen: Payment, *, by: str, as_cancel: bool | None = None
) -> Future[Payment | None]:
    """Give an escalated payment back to recovery, with a retry window of its own, due now.

    `as_cancel`: a cancel under a new number instead of a net-cancel; None: where the approval is
    proven and a cancel can be built. `by` names the person. The future's None: somebody wrote since
    `seen` was read, and nothing changed. Raises `ConfigurationError` for a name that can't be
    written down, and for a cancel that can't be built.
    """
    check_name(by)
    can_cancel = can_be_cancelled(seen)
    if as_cancel and not can_cancel:
        raise ConfigurationError(
            "what is known of its approval allows no cancel: only a net-cancel can be retried"
        )
    change = Change(due_seconds=0.0, begins_debt=True, note=f"asked by {by}")
    if not (can_cancel if as_cancel is None else as_cancel):
        return journal.move_if_unchanged(seen, Event.RETRY_ASKED, new_tag(), change)
    change = replace(change, cancel_reason=seen.cancel_reason or CancelReason.ASKED)
    return journal.move_if_unchanged(seen, Event.RETRY_CANCEL_ASKED, new_tag(), change)


def why_not_resolve(payment: Payment, policy: Policy) -> str | None:
    """Say why a person can't close a payment at the time of its reading; None: they can."""
    if not is_move(payment.state, Event.RESOLVED):
        return f"it is {payment.state}: only an escalated payment is a person's to close"
    if not payment.is_settled:
        return f"its approval may still be on the way, for {payment.seconds_to_settle:.0f} s"
    over_at = payment.updated_at + round(policy.hold_seconds * MICROSECONDS)
    if payment.read_at < over_at:
        seconds = (over_at - payment.read_at) / MICROSECONDS
        return f"an attempt may still be on the way, for {seconds:.0f} s"
    return None


def contradicts_what_was_told(payment: Payment, kind: Resolution) -> bool:
    """Whether a caller may have heard that it is void, who would now be charged."""
    return kind is Resolution.CHARGE_STANDS and payment.was_told_void


def resolve(
    journal: Journal,
    seen: Payment,
    policy: Policy,
    kind: Resolution,
    *,
    by: str,
    note: str,
    although_told_void: bool = False,
) -> Future[Payment | None]:
    """Close an escalated payment as a person found it; the history keeps who and why.

    `seen` comes with its history. The future's None: somebody wrote since it was read, and nothing
    changed. Raises `ConfigurationError` where it can't be closed so, or not yet.
    """
    check_name(by)
    _check_note(note)
    if (reason := why_not_resolve(seen, policy)) is not None:
        raise ConfigurationError(f"{seen.merc_trx_no} can't be resolved: {reason}")
    if contradicts_what_was_told(seen, kind) and not although_told_void:
        raise ConfigurationError(
            f"the caller of {seen.merc_trx_no} was told that it is void: say so explicitly if its"
            " charge is to stand all the same"
        )
    change = Change(resolution=kind, note=f"{kind} by {by}: {note}")
    return journal.move_if_unchanged(seen, Event.RESOLVED, new_tag(), change)


def reopen(
    journal: Journal, seen: Payment, *, aprv_no: str | None, trx_amt: int, by: str
) -> Future[Payment | None]:
    """Owe a net-cancel again for a voided payment that a settlement shows as charged.

    What the settlement says of the charge is kept as its proof, where none is known: from now on
    no gateway can say that there was nothing to void. The future's None: somebody wrote since
    `seen` was read, and nothing changed. Raises `ConfigurationError` for any but a net-cancelled
    payment.
    """
    check_name(by)
    if not is_move(seen.state, Event.CHARGE_REPORTED):
        raise ConfigurationError(
            f"{seen.merc_trx_no} is {seen.state}: only a net-cancelled payment can be re-opened"
        )
    answer = ApprovalAnswer(aprv_no=aprv_no, trx_amt=trx_amt) if seen.answer is None else None
    note = f"the settlement has a charge of {trx_amt}; asked by {by}"
    change = Change(due_seconds=0.0, begins_debt=True, answer=answer, note=note)
    return journal.move_if_unchanged(seen, Event.CHARGE_REPORTED, new_tag(), change)


def place_hold(journal: Journal, *, by: str, note: str) -> Future[Hold]:
    """Have recovery claim nothing until a person releases it; return the hold that stands.

    It is another one where its reason is not `reason_of_hold`. Raises `ConfigurationError` for a
    name or a note that can't be written down.
    """
    check_name(by)
    _check_note(note)
    return journal.hold_if_unheld(reason_of_hold(by=by, note=note))


def reason_of_hold(*, by: str, note: str) -> str:
    """Return what a person's hold says."""
    return f"{note} ({by})"


def release_hold(journal: Journal, *, by: str, note: str) -> Future[Mark | None]:
    """Let recovery go on in a journal that was held; who and why is kept there.

    The future's None: nothing was held. Raises `ConfigurationError` for a name or a note that can't
    be written down.
    """
    check_name(by)
    _check_note(note)
    return journal.release_hold(by=by, note=note)


def _check_note(note: str) -> None:
    if not (note.strip() and is_safe(note) and len(note) <= NOTE_CHARACTERS_MAX):
        raise ConfigurationError(
            f"the note must say why in at most {NOTE_CHARACTERS_MAX} printable characters"
        )


def check_name(by: str) -> None:
    """Raise `ConfigurationError` where a name can't be written into a history."""
    if not (by.strip() and is_safe(by) and len(by) <= NAME_CHARACTERS_MAX):
        raise ConfigurationError(
            f"who asks must be a name of at most {NAME_CHARACTERS_MAX} printable characters"
        )
