"""What a run is made of besides the flows, and what differs between its levels.

The level `tokens` is fast: stand-ins for the codec, a journal in memory. The others have the
product's own codec, signature, cipher and SQL: `full` that of SQLite, `postgres` and `mariadb`
those of a server. Everything else is the same at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

from netcancel.journal.contract import Journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future
    from contextlib import AbstractContextManager

    from netcancel.core.effects import Signed
    from netcancel.core.flows import Order
    from netcancel.core.payment import Claim, Intent, Payment
    from netcancel.core.policy import Policy
    from netcancel.sandbox.ledger import Charge, Fields
    from proof.simulation.books import Watch

WORLDS: Final = frozenset(["world"])
"""Whose payments they are."""


class OrderTransaction(Protocol):
    """A merchant's own transaction in the journal's database, in which it has read before."""

    def confirm(self, tid: str, merc_trx_no: str, writer: str, *, commits: bool) -> Payment | None:
        """Confirm a payment and commit, and return what is told; or roll back.

        A transaction that is refused, because what it has read is not so any more, is begun anew;
        so is one in which there is no such payment yet.
        """

    def roll_back(self) -> None:
        """End it without a trace."""


class Books(Journal, Protocol):
    """A journal whose operations are done, and told to a watch, when they return."""

    def payment_of(self, tid: str, merc_trx_no: str) -> Payment | None:
        """Return a number's payment as it was when it was last written, without its history."""

    def damage(self, payment_id: str) -> None:
        """Make the frozen net-cancel of a payment unreadable."""

    def crash(self) -> None:
        """Lose whatever is not on the disk: begun transactions, and the connection."""

    def claim_lacking_key(
        self, *, world: str, writer: str, limit: int, hold_seconds: float
    ) -> Sequence[Claim]:
        """Claim for somebody who has another vault key; return what that one gets."""

    def begin_order(self) -> OrderTransaction:
        """Begin a merchant's transaction, and read in it."""

    def in_doubt(self, ask: Callable[[], Future[Any]], *, is_applied: bool) -> Any:  # noqa: ANN401  what a flow hears
        """Do what is asked, or lose it, where a commit raises; return what is told."""


class Level(Protocol):
    """The codec, the signature and the journal of one run."""

    TID: str
    """The terminal of every payment."""

    @staticmethod
    def installed() -> AbstractContextManager[None]:
        """Make the flows ready for this level, and undo that; within itself it does nothing."""

    def books(self, clock: Callable[[], float], watch: Watch) -> Books:
        """Open the run's journal."""

    def order(
        self, number: str, call: int, policy: Policy, *,
        at: float, confirm_within: float | None, data: str = "same",
    ) -> Order:  # fmt: skip
        """Freeze an order; `call` makes its id and its writer, other `data` makes it another."""

    def void_intent(self, number: str, call: int, policy: Policy, *, at: float) -> Intent:
        """Freeze a caller's own net-cancel of a number."""

    def sign(self, secret: int, path: str, body: bytes, *, now: float, wall: float) -> Signed:
        """Sign with the secret of this number; `wall` is what the calendar says."""

    def is_signed(self, signed: Signed, secret: int) -> bool:
        """Whether a request carries the signature that the secret of this number makes."""

    def fields(self, path: str, body: bytes) -> Fields:
        """Read a request as the gateway does."""

    def answer(
        self, path: str, fields: Fields, code: str, charge: Charge | None, *, without: str = ""
    ) -> Any:  # noqa: ANN401  a reception of the level
        """Write an answer; `without`: the member that it lacks."""

    def spoiled(self, fields: Fields, status: int) -> Any:  # noqa: ANN401  likewise
        """Write an answer that says nothing of the payment: another status, or another's number."""
