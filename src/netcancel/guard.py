"""Guard and AsyncGuard: the duty, blocking and awaiting. Thin: what they promise is in `core`."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypedDict

from netcancel.core import flows
from netcancel.core.lifecycle import State
from netcancel.core.outcomes import CancelOutcome, Outcome, cancel_outcome_of, outcome_of
from netcancel.core.policy import Policy
from netcancel.desk import Desk, new_tag
from netcancel.drive import drive, drive_async
from netcancel.errors import ConfigurationError, JournalUnavailable, PaymentNotFound
from netcancel.freezing import freeze
from netcancel.kicc import Credentials, Merchant
from netcancel.observe import log
from netcancel.provisional import AsyncProvisionalPayment, ProvisionalPayment
from netcancel.recovery import Recovery, RecoveryThread, Report
from netcancel.wire import Network

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from netcancel.core.effects import Flow
    from netcancel.core.payment import Payment, Used
    from netcancel.drive import AwaitingPerformer, BlockingPerformer

RecoveryPlace = Literal["thread", "off"]
"""Where recovery runs: in a thread of this process, or elsewhere (`netcancel worker`)."""

ADVISED_NUMBER_BYTES: Final = 20
"""A longer number can't be cancelled by itself, and answers echo its beginning only (spec 3.3)."""


class _ConfirmWish(TypedDict):
    worlds: frozenset[str]
    tid: str
    merc_trx_no: str
    writer: str


class _Guard:
    """What both guards are made of."""

    def __init__(
        self,
        *,
        base_url: str,
        credentials: Credentials | Sequence[Credentials],
        merchant: Merchant,
        journal: str = "sqlite:///netcancel.db",
        policy: Policy = Policy(),  # noqa: B008  frozen: the same for everybody
        vault_key: str | None = None,
        previous_vault_keys: str | None = None,
        recovery: RecoveryPlace = "thread",
        environment: str | None = None,
        network: Network = Network(),  # noqa: B008  likewise
    ) -> None:
        """Open the journal, made at its first use, and start recovery.

        `base_url` is the API domain given to the merchant, `https://` (or a sandbox on loopback).
        `credentials` of several channels: the first signs for merchants that name none.
        `vault_key` is 32 bytes in Base64; else NETCANCEL_VAULT_KEY, NETCANCEL_VAULT_KEY_FILE or a
        key file made once. `previous_vault_keys`: others that may open what they sealed, separated
        by commas; else NETCANCEL_PREVIOUS_VAULT_KEYS or its _FILE. `environment` names this world
        (None: NETCANCEL_ENVIRONMENT); recovery leaves payments of another alone. `network`: how a
        company's network lets us out. Raises `ConfigurationError` with a sentence that says what to
        do.
        """
        if recovery not in ("thread", "off"):
            raise ConfigurationError('recovery must be "thread" or "off"')
        self._merchant = _checked(merchant)
        self._desk = Desk.open(
            base_url=base_url,
            credentials=credentials,
            journal=journal,
            policy=policy,
            vault_key=vault_key,
            previous_vault_keys=previous_vault_keys,
            environment=environment,
            network=network,
        )
        self._recovery = RecoveryThread(self._desk) if recovery == "thread" else None
        self._is_left = False

    @classmethod
    def from_env(cls) -> Self:
        """Make a guard from the NETCANCEL_… settings and `netcancel.toml`."""
        from netcancel.settings import Settings  # noqa: PLC0415  only those who ask pay for it

        return cls(**Settings.load().for_guard())

    def _approval(
        self,
        merchant: Merchant | None,
        **fields: Any,  # noqa: ANN401  `freeze` checks them
    ) -> Flow[Payment]:
        """Validate and freeze an approval; what it does comes with driving the flow."""
        merchant = _checked(self._merchant if merchant is None else merchant)
        self._begin()
        order = freeze(
            merchant,
            world=self._desk.world(merchant.channel_id),
            writer=new_tag(),
            at=time.time(),
            policy=self._desk.policy,
            **fields,
        )
        if len(order.intent.merc_trx_no) > ADVISED_NUMBER_BYTES:
            log.notice("payment %s: its number is longer than advised", order.intent.merc_trx_no)
        return flows.approve(order, self._desk.policy)

    def _wish(
        self, merc_trx_no: str, tid: str | None, cancel_trx_no: str | None = None
    ) -> flows.CancelWish:
        self._begin()
        return flows.CancelWish(
            worlds=self._desk.all_worlds,
            tid=tid or self._merchant.tid,
            merc_trx_no=merc_trx_no,
            writer=new_tag(),
            cancel_trx_no=cancel_trx_no,
        )

    def _confirmation(self, merc_trx_no: str, tid: str | None) -> Flow[Payment]:
        self._begin()
        tid = tid or self._merchant.tid
        return flows.confirm(self._desk.all_worlds, tid, merc_trx_no, new_tag())

    def _confirm_wish(self, merc_trx_no: str, tid: str | None) -> _ConfirmWish:
        return {
            "worlds": self._desk.all_worlds,
            "tid": tid or self._merchant.tid,
            "merc_trx_no": merc_trx_no,
            "writer": new_tag(),
        }

    def _begin(self) -> None:
        if self._recovery is not None:
            self._recovery.ensure_running()

    def _find(self, merc_trx_no: str, tid: str | None) -> Future[Payment | None]:
        return self._desk.journal.find(tid or self._merchant.tid, merc_trx_no)

    def _find_used(self, merc_trx_no: str, tid: str | None) -> Future[Used | None]:
        return self._desk.journal.find_used(tid or self._merchant.tid, merc_trx_no)

    def _leave(self) -> None:
        """Stop recovery, say what is still owed, and close the journal; once is enough."""
        if self._is_left:
            return
        self._is_left = True
        try:
            if self._recovery is not None:
                self._recovery.stop()
            self._say_what_is_owed()
        finally:
            self._desk.journal.close()

    def _say_what_is_owed(self) -> None:
        try:
            owed = self._desk.journal.owed(worlds=self._desk.all_worlds).result()
        except JournalUnavailable as error:
            log.notice("what is still owed can't be counted: %s", error)
        else:
            if owed:
                log.notice("%d payments are still owed; `netcancel worker` carries on", owed)


def _checked(merchant: object) -> Merchant:
    if not isinstance(merchant, Merchant):
        raise ConfigurationError("merchant must be a netcancel.Merchant")
    return merchant


def _refuse_archived(used: Used | None) -> None:
    if used is not None:
        raise PaymentNotFound(f"the payment of this number was {used.state}, and is archived")


def _stands(payment: Payment | None) -> bool:
    if payment is None:
        raise PaymentNotFound("the journal knows no such payment of this gateway")
    return payment.state is State.APPROVED


class Guard(_Guard):
    """Approves, cancels and confirms payments, and voids what is lost; blocking, thread-safe."""

    @cached_property
    def _perform(self) -> BlockingPerformer:
        return self._desk.blocking_performer()

    def approve(
        self,
        *,
        merc_trx_no: str,
        token_key: str,
        trx_amt: int,
        vat_amt: int,
        svc_amt: int = 0,
        tax_free_amt: int | None = None,
        alot_month: str = "00",
        user_data: str | None = None,
        merchant: Merchant | None = None,
        confirm_within: float | None = None,
    ) -> Outcome:
        """Charge a card once and know it, or know that nobody is charged (spec 1.1, 2).

        Amounts are whole KRW. `confirm_within`: the charge is cancelled unless `confirm` is called
        within so many seconds. Returns within twice `timeout_seconds` plus the journal's commits.
        Called again with the same data, it tells what is known and sends nothing. Raises
        `InvalidRequest`, `ConfigurationError` (`merchant` is no `Merchant`),
        `DuplicateTransaction` (the same number with other data), `TooManyInDoubt` and
        `JournalUnavailable`: then nothing was sent.
        """
        flow = self._approval(
            merchant,
            merc_trx_no=merc_trx_no,
            token_key=token_key,
            trx_amt=trx_amt,
            vat_amt=vat_amt,
            svc_amt=svc_amt,
            tax_free_amt=tax_free_amt,
            alot_month=alot_month,
            user_data=user_data,
            confirm_within=confirm_within,
        )
        return outcome_of(drive(flow, self._perform))

    def cancel(
        self, merc_trx_no: str, *, tid: str | None = None, cancel_trx_no: str | None = None
    ) -> CancelOutcome:
        """Refund the whole of an approved payment (spec 1.1, 3.7); again: tell what is known.

        `tid`: None for the guard's merchant. `cancel_trx_no`: the cancel's own number, at most 40
        bytes; None: a new one. A lost answer is followed by a net-cancel (spec 3.6); so is an
        approval whose answer allows no cancel to be built. Returns within twice `timeout_seconds`
        plus the journal's commits. Raises `PaymentNotFound`, `InvalidRequest` (`cancel_trx_no` is
        none, or is used) and `JournalUnavailable`: then nothing was sent.
        """
        flow = flows.cancel(self._wish(merc_trx_no, tid, cancel_trx_no), self._desk.policy)
        return cancel_outcome_of(drive(flow, self._perform))

    def confirm(
        self, merc_trx_no: str, *, tid: str | None = None, connection: object = None
    ) -> bool:
        """Let the charge of a payment approved with `confirm_within` stand; False: it is too late.

        `connection`: an open DB-API connection to the journal's database; then the confirmation
        commits or rolls back with the caller's own transaction. Raises `PaymentNotFound`,
        `ConfigurationError` for another connection, and `JournalUnavailable`: `find` tells then.
        """
        if connection is not None:
            wish = self._confirm_wish(merc_trx_no, tid)
            return _stands(self._desk.journal.confirm_in(connection, **wish))
        payment = drive(self._confirmation(merc_trx_no, tid), self._perform)
        return payment.state is State.APPROVED

    def payment(
        self,
        *,
        confirm_within: float,
        merc_trx_no: str,
        token_key: str,
        trx_amt: int,
        vat_amt: int,
        svc_amt: int = 0,
        tax_free_amt: int | None = None,
        alot_month: str = "00",
        user_data: str | None = None,
        merchant: Merchant | None = None,
    ) -> ProvisionalPayment:
        """Charge for the length of a `with` block: leaving it confirms, an exception cancels.

        The arguments are those of `approve`; entering raises what `approve` raises, and
        `PaymentNotApproved`. Confirm inside your order's own transaction, by
        `payment.confirm(connection=…)`; else a crash between your commit and the confirmation
        cancels the charge of an order that stands.
        """
        approve = partial(
            self.approve,
            confirm_within=confirm_within,
            merc_trx_no=merc_trx_no,
            token_key=token_key,
            trx_amt=trx_amt,
            vat_amt=vat_amt,
            svc_amt=svc_amt,
            tax_free_amt=tax_free_amt,
            alot_month=alot_month,
            user_data=user_data,
            merchant=merchant,
        )
        tid = (merchant or self._merchant).tid
        confirm = partial(self.confirm, merc_trx_no, tid=tid)
        return ProvisionalPayment(approve, confirm, partial(self._reject, merc_trx_no, tid))

    def _reject(self, merc_trx_no: str, tid: str) -> Payment:
        return drive(flows.reject(self._wish(merc_trx_no, tid), self._desk.policy), self._perform)

    def find(self, merc_trx_no: str, *, tid: str | None = None) -> Payment | None:
        """Return what the journal knows of a number; `tid`: None for the guard's merchant.

        None: it was never used. Raises `PaymentNotFound` for a number whose payment is archived.
        """
        payment = self._find(merc_trx_no, tid).result()
        if payment is None:
            _refuse_archived(self._find_used(merc_trx_no, tid).result())
        return payment

    def recover(self, limit: int = 500) -> Report:
        """Net-cancel at most `limit` payments that are due now, and report.

        Raises `ConfigurationError` for a limit below 1.
        """
        # A thread of its own: the caller's may be running an event loop.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, Recovery(self._desk).run_once(limit)).result()

    def close(self) -> None:
        """Stop recovery and close the journal; what is owed stays owed there.

        A second call does nothing.
        """
        self._perform.close()
        self._leave()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncGuard(_Guard):
    """Approves, cancels and confirms payments, and voids what is lost; awaiting, for any task."""

    @cached_property
    def _perform(self) -> AwaitingPerformer:
        return self._desk.awaiting_performer()

    async def approve(
        self,
        *,
        merc_trx_no: str,
        token_key: str,
        trx_amt: int,
        vat_amt: int,
        svc_amt: int = 0,
        tax_free_amt: int | None = None,
        alot_month: str = "00",
        user_data: str | None = None,
        merchant: Merchant | None = None,
        confirm_within: float | None = None,
    ) -> Outcome:
        """Charge a card once and know it, or know that nobody is charged; see `Guard.approve`."""
        flow = self._approval(
            merchant,
            merc_trx_no=merc_trx_no,
            token_key=token_key,
            trx_amt=trx_amt,
            vat_amt=vat_amt,
            svc_amt=svc_amt,
            tax_free_amt=tax_free_amt,
            alot_month=alot_month,
            user_data=user_data,
            confirm_within=confirm_within,
        )
        return outcome_of(await self._drive(flow))

    async def cancel(
        self, merc_trx_no: str, *, tid: str | None = None, cancel_trx_no: str | None = None
    ) -> CancelOutcome:
        """Refund the whole of an approved payment; see `Guard.cancel`."""
        flow = flows.cancel(self._wish(merc_trx_no, tid, cancel_trx_no), self._desk.policy)
        return cancel_outcome_of(await self._drive(flow))

    async def confirm(
        self, merc_trx_no: str, *, tid: str | None = None, connection: object = None
    ) -> bool:
        """Let a charge stand that was approved with `confirm_within`; see `Guard.confirm`.

        A `connection` of psycopg may be an AsyncConnection: it is awaited. Any other is used in the
        calling thread, and may block it for as long as it waits.
        """
        if connection is not None:
            wish = self._confirm_wish(merc_trx_no, tid)
            return _stands(await self._desk.journal.confirm_in_by_awaiting(connection, **wish))
        payment = await self._drive(self._confirmation(merc_trx_no, tid))
        return payment.state is State.APPROVED

    def payment(
        self,
        *,
        confirm_within: float,
        merc_trx_no: str,
        token_key: str,
        trx_amt: int,
        vat_amt: int,
        svc_amt: int = 0,
        tax_free_amt: int | None = None,
        alot_month: str = "00",
        user_data: str | None = None,
        merchant: Merchant | None = None,
    ) -> AsyncProvisionalPayment:
        """Charge for the length of an `async with` block; see `Guard.payment`."""
        approve = partial(
            self.approve,
            confirm_within=confirm_within,
            merc_trx_no=merc_trx_no,
            token_key=token_key,
            trx_amt=trx_amt,
            vat_amt=vat_amt,
            svc_amt=svc_amt,
            tax_free_amt=tax_free_amt,
            alot_month=alot_month,
            user_data=user_data,
            merchant=merchant,
        )
        tid = (merchant or self._merchant).tid
        confirm = partial(self.confirm, merc_trx_no, tid=tid)
        return AsyncProvisionalPayment(approve, confirm, partial(self._reject, merc_trx_no, tid))

    async def _reject(self, merc_trx_no: str, tid: str) -> Payment:
        return await self._drive(flows.reject(self._wish(merc_trx_no, tid), self._desk.policy))

    async def _drive(self, flow: Flow[Payment]) -> Payment:
        return await drive_async(flow, self._perform, self._perform.hand_over)

    async def find(self, merc_trx_no: str, *, tid: str | None = None) -> Payment | None:
        """Return what the journal knows of a number; see `Guard.find`."""
        payment = await asyncio.wrap_future(self._find(merc_trx_no, tid))
        if payment is None:
            _refuse_archived(await asyncio.wrap_future(self._find_used(merc_trx_no, tid)))
        return payment

    async def recover(self, limit: int = 500) -> Report:
        """Net-cancel at most `limit` payments that are due now, and report.

        Raises `ConfigurationError` for a limit below 1.
        """
        return await Recovery(self._desk).run_once(limit)

    async def aclose(self) -> None:
        """Stop recovery and close the journal; what is owed stays owed there.

        A second call does nothing.
        """
        await self._perform.aclose()
        await asyncio.to_thread(self._leave)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
