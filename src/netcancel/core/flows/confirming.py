"""Confirm: the merchant's order stands, and so may the charge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netcancel.core.effects import Confirm, Flow, Now, Sleep, Unavailable, perform
from netcancel.core.patience import WRITE_RETRY_CEILING_SECONDS, WRITE_RETRY_SECONDS, growing
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.errors import JournalUnavailable, PaymentNotFound

if TYPE_CHECKING:
    from netcancel.core.payment import Payment


def confirm(worlds: frozenset[str], tid: str, merc_trx_no: str, writer: str) -> Flow[Payment]:
    """Confirm a payment if it is unconfirmed, and return it as it is then.

    A confirmation that got no clear answer is asked for again: the second one finds the first.
    Raises `PaymentNotFound`, and `JournalUnavailable` where it stays open what became of it.
    """
    until = (yield from perform(Now())) + COMMIT_BUDGET_SECONDS
    tries = 0
    while True:
        row = yield from perform(Confirm(worlds, tid, merc_trx_no, writer))
        match row:
            case None:
                raise PaymentNotFound("the journal knows no such payment of this gateway")
            case Unavailable(detail, for_good):
                if for_good or (yield from perform(Now())) >= until:
                    raise JournalUnavailable(f"find() tells whether it is confirmed: {detail}")
            case _:
                return row
        yield Sleep(growing(WRITE_RETRY_SECONDS, WRITE_RETRY_CEILING_SECONDS, tries))
        tries += 1
