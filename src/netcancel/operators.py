"""What a person may do with a payment that no machine can decide (docs/protocol.md).

Only from `escalated`, and only on the version that the person has seen.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import Event, is_move
from netcancel.core.payment import Change
from netcancel.desk import new_tag
from netcancel.errors import ConfigurationError
from netcancel.kicc.text import is_safe

if TYPE_CHECKING:
    from concurrent.futures import Future

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal

NAME_CHARACTERS_MAX: Final = 64
"""Who asked is kept in the history: a name, not a story."""


def may_retry(payment: Payment) -> bool:
    """Whether the payment is a person's to retry."""
    return is_move(payment.state, Event.RETRY_ASKED)


def retry(journal: Journal, seen: Payment, *, by: str) -> Future[Payment | None]:
    """Give an escalated payment back to recovery, with a retry window of its own, due now.

    `by` names the person. The future's None: somebody wrote since `seen` was read, and nothing
    changed. Raises `ConfigurationError` for a name that can't be written down.
    """
    if not (by.strip() and is_safe(by) and len(by) <= NAME_CHARACTERS_MAX):
        raise ConfigurationError(
            f"who asks must be a name of at most {NAME_CHARACTERS_MAX} printable characters"
        )
    change = Change(due_seconds=0.0, begins_debt=True, note=f"asked by {by}")
    return journal.move_if_unchanged(seen, Event.RETRY_ASKED, new_tag(), change)
