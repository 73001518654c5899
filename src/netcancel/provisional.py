"""A payment for the length of a `with` block: leaving it confirms, an exception cancels.

Only an unconfirmed payment is ever cancelled here, in one conditional write: what a transaction of
the merchant's has confirmed stands, whatever is raised afterwards. While that transaction is still
open nobody knows, and nobody else can write: then the payment is left to recovery.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from netcancel.core.outcomes import Approved, Outcome, PaymentNotApproved
from netcancel.errors import ConfirmationMissed, NetcancelError
from netcancel.observe import log

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Protocol

    from netcancel.kicc import ApprovalAnswer

    class Confirm(Protocol):
        """Confirms the payment, in the caller's transaction where a connection is given."""

        def __call__(self, *, connection: object = None) -> bool:
            """Say whether the charge stands."""
            ...

    class AsyncConfirm(Protocol):
        """Confirms the payment, in the caller's transaction where a connection is given."""

        def __call__(self, *, connection: object = None) -> Awaitable[bool]:
            """Say whether the charge stands."""
            ...


class _Provisional:
    def __init__(self) -> None:
        self._approved: Approved | None = None
        self._is_confirmed = False
        self._connection: object = None
        """The caller's own, in whose transaction it was to be confirmed."""

    @property
    def approved(self) -> Approved:
        """The approval; there is none before the block is entered."""
        if self._approved is None:
            raise RuntimeError("the payment is made by entering its `with` block")
        return self._approved

    @property
    def merc_trx_no(self) -> str:
        """The merchant transaction number."""
        return self.approved.merc_trx_no

    @property
    def answer(self) -> ApprovalAnswer:
        """The approval's answer."""
        return self.approved.answer

    def _enter(self, outcome: Outcome) -> None:
        if not isinstance(outcome, Approved):
            raise PaymentNotApproved(outcome)
        self._approved = outcome

    def _note(self, *, stands: bool) -> None:
        self._is_confirmed = stands
        if not stands:
            raise ConfirmationMissed(
                f"payment {self.merc_trx_no} was not confirmed in time: its charge is cancelled"
            )

    def _must_not_wait(self) -> bool:
        """Whether the caller's open transaction keeps the journal from being written; say so."""
        is_open = _is_in_transaction(self._connection)
        if is_open:
            log.notice(
                "payment %s is left to recovery: the transaction that it was to be confirmed in is"
                " still open; it is cancelled when its time is over, unless that one commits",
                self.merc_trx_no,
            )
        return is_open

    def _say_not_rejected(self, error: NetcancelError) -> None:
        log.notice(
            "payment %s could not be cancelled now, recovery does it: %s", self.merc_trx_no, error
        )


def _is_in_transaction(connection: object) -> bool:
    """Whether a caller's connection has a transaction open, as sqlite3 or psycopg tells it."""
    try:
        status = getattr(getattr(connection, "info", None), "transaction_status", None)
        is_open = getattr(connection, "in_transaction", False) is True
    except Exception:  # noqa: BLE001  closed: whatever its driver says of that
        return False
    return is_open or getattr(status, "name", "") in {"ACTIVE", "INTRANS"}


class ProvisionalPayment(_Provisional):
    """What `with guard.payment(…) as payment:` gives."""

    def __init__(
        self, approve: Callable[[], Outcome], confirm: Confirm, reject: Callable[[], object]
    ) -> None:
        super().__init__()
        self._approve = approve
        self._confirm = confirm
        self._reject = reject

    def confirm(self, *, connection: object = None) -> None:
        """Let the charge stand; `connection`: in the transaction that writes the order.

        Raises `ConfirmationMissed` where recovery came first, and what `Guard.confirm` raises.
        """
        self._connection = connection
        self._note(stands=self._confirm(connection=connection))

    def __enter__(self) -> Self:
        self._enter(self._approve())
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if not self._is_confirmed:
                self.confirm()
            return
        if self._must_not_wait():
            return
        try:
            self._reject()
        except NetcancelError as error:  # the caller's own exception goes on
            self._say_not_rejected(error)


class AsyncProvisionalPayment(_Provisional):
    """What `async with guard.payment(…) as payment:` gives."""

    def __init__(
        self,
        approve: Callable[[], Awaitable[Outcome]],
        confirm: AsyncConfirm,
        reject: Callable[[], Awaitable[object]],
    ) -> None:
        super().__init__()
        self._approve = approve
        self._confirm = confirm
        self._reject = reject

    async def confirm(self, *, connection: object = None) -> None:
        """Let the charge stand; see `ProvisionalPayment.confirm`."""
        self._connection = connection
        self._note(stands=await self._confirm(connection=connection))

    async def __aenter__(self) -> Self:
        self._enter(await self._approve())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            if not self._is_confirmed:
                await self.confirm()
            return
        if self._must_not_wait():
            return
        try:
            await self._reject()
        except NetcancelError as error:  # the caller's own exception goes on
            self._say_not_rejected(error)
