"""A merchant's own transaction in a journal's database, on a connection of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from proof.simulation.level import WORLDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from netcancel.core.payment import Payment
    from netcancel.journal.database import DatabaseJournal
    from proof.simulation.homes import Home


class DatabaseOrder:
    """Confirms as a merchant does who hands his connection over."""

    def __init__(
        self,
        home: Home,
        journal: DatabaseJournal,
        committed: Callable[[Payment], None],
    ) -> None:
        """Begin it; `committed` hears of what is written, once it is."""
        self._home = home
        self._journal = journal
        self._committed = committed
        self._connection: Any = home.begin_order()

    def confirm(self, tid: str, merc_trx_no: str, writer: str, *, commits: bool) -> Payment | None:
        """Confirm a payment and commit, and return what is told; or roll back."""
        payment = self._unless_refused(tid, merc_trx_no, writer)
        if payment is None:
            self.roll_back()
            self._connection = self._home.begin_order()
            payment = self._confirm_in(tid, merc_trx_no, writer)
        if not commits:
            self.roll_back()
            return None
        self._connection.commit()
        self.roll_back()
        if payment is not None and payment.version.writer == writer:
            self._committed(payment)
        return payment

    def roll_back(self) -> None:
        """End it, and what is not committed leaves no trace; again: nothing."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.rollback()
            connection.close()

    def _unless_refused(self, tid: str, merc_trx_no: str, writer: str) -> Payment | None:
        """Confirm a payment; None: it was written since the transaction began, or is newer."""
        try:
            return self._confirm_in(tid, merc_trx_no, writer)
        except Exception as error:
            if not self._home.is_refusal(error):
                raise
            return None

    def _confirm_in(self, tid: str, merc_trx_no: str, writer: str) -> Payment | None:
        return self._journal.confirm_in(
            self._connection, worlds=WORLDS, tid=tid, merc_trx_no=merc_trx_no, writer=writer
        )
