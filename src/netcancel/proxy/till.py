"""What is done with a shop's request, under the duty (docs/protocol.md).

A shop is told of an approval only when that is confirmed in the journal, and it is confirmed only
while the shop is still there to hear it: one that has gone can't know, so its charge is refunded.
Until then the payment is `unconfirmed`, and recovery refunds it if this process dies.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final, TypeVar

from netcancel.core import flows
from netcancel.core.lifecycle import State
from netcancel.core.policy import COMMIT_BUDGET_SECONDS
from netcancel.desk import Desk, new_tag
from netcancel.drive import drive_async
from netcancel.errors import (
    ConfigurationError,
    DuplicateTransaction,
    InvalidRequest,
    JournalUnavailable,
    NetcancelError,
    PaymentNotFound,
    TooManyInDoubt,
)
from netcancel.freezing import freeze_received, freeze_void
from netcancel.kicc import (
    APPROVAL_PATH,
    CANCEL_PATH,
    AnswerLost,
    CancelRequest,
    Expected,
    RawAnswer,
    judge_cancel,
)
from netcancel.kicc.fields import FIELDS
from netcancel.observe import log
from netcancel.proxy import telling
from netcancel.proxy.replies import Refusal, Reply, echo_of, gateways, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from netcancel.core.effects import Flow
    from netcancel.core.payment import Asked, Payment
    from netcancel.tables import Shop

    IsGone = Callable[[], bool]

T = TypeVar("T")

CONFIRM_WITHIN_SECONDS: Final = 30.0
"""An approval is confirmed some milliseconds after it is written; later its writer is dead."""

_REFUSALS: Final[dict[type[NetcancelError], Refusal]] = {
    InvalidRequest: Refusal.INVALID,
    DuplicateTransaction: Refusal.USED_NUMBER,
    TooManyInDoubt: Refusal.NOT_NOW,
    JournalUnavailable: Refusal.NOT_NOW,
    PaymentNotFound: Refusal.NOT_CANCELLED,
}
"""What is told for an error by which a flow says that nothing was sent."""


_NAMED_OTHERWISE: Final = {"cancel_trx_no": "merc_trx_no"}
"""A cancel's own number has a name of its own in this library only."""


class Till:
    """Serves the requests of shops: one gateway, one journal, a channel for each shop."""

    def __init__(self, desk: Desk, shops: Sequence[Shop]) -> None:
        """Raise `ConfigurationError` for a shop whose channel has no credentials."""
        for shop in shops:
            if shop.gateway_channel_id not in desk.worlds:
                raise ConfigurationError(
                    f"the shop {shop.credentials.channel_id} pays through the channel"
                    f" {shop.gateway_channel_id}, which has no credentials: add it to the channels"
                )
        self._desk = desk
        self._policy = desk.policy
        self._perform = desk.awaiting_performer()
        self._rests: set[asyncio.Task[Payment]] = set()

    async def serve(self, shop: Shop, path: str, body: bytes, is_gone: IsGone) -> Reply:
        """Do what a shop asks for at one of the manual's paths.

        `is_gone` tells whether the shop is still there to hear of it.
        """
        try:
            if path == APPROVAL_PATH:
                return await self._approve(shop, body, is_gone)
            if path == CANCEL_PATH:
                return await self._cancel(shop, body)
            return await self._net_cancel(shop, body)
        except tuple(_REFUSALS) as error:
            why = next(why for kind, why in _REFUSALS.items() if isinstance(error, kind))
            return refusal(why, _rule(error) if isinstance(error, InvalidRequest) else "")

    async def aclose(self) -> None:
        """Interrupt what is still being voided: each payment is handed to recovery."""
        rests = list(self._rests)
        for rest in rests:
            rest.cancel()
        await asyncio.gather(*rests, return_exceptions=True)
        await self._perform.aclose()

    async def _approve(self, shop: Shop, body: bytes, is_gone: IsGone) -> Reply:
        order = freeze_received(
            body,
            world=self._world(shop),
            writer=new_tag(),
            at=time.time(),
            policy=self._policy,
            confirm_within=CONFIRM_WITHIN_SECONDS,
        )
        _check_terminal(shop, order.intent.tid)
        charged = await self._drive(flows.charge(order, self._policy))
        if charged.rest is not None:
            self._go_on(charged.rest)
        payment = charged.payment
        if payment.state is State.UNCONFIRMED:
            payment = await self._settle_with(payment, is_gone)
        is_unknown = payment.state is State.APPROVING and payment.id == order.intent.id
        if is_unknown:
            return refusal(Refusal.UNKNOWN)
        return await telling.approval(payment, self._kept)

    async def _settle_with(self, payment: Payment, is_gone: IsGone) -> Payment:
        """Confirm a charge that its shop will hear of; let one be refunded that it won't."""
        worlds = frozenset([payment.world])
        tid, number = payment.tid, payment.merc_trx_no
        if is_gone():
            wish = flows.CancelWish(worlds=worlds, tid=tid, merc_trx_no=number, writer=new_tag())
            return await self._drive(flows.reject(wish, self._policy))
        try:
            confirmed = await self._drive(flows.confirm(worlds, tid, number, new_tag()))
        except JournalUnavailable:
            # It may be confirmed or not: only who asks again hears which.
            return payment
        if is_gone():
            log.notice(
                "payment %s is approved, and its shop has just gone: it should ask again", number
            )
        return confirmed

    async def _cancel(self, shop: Shop, body: bytes) -> Reply:
        request = CancelRequest.received(body)
        _check_terminal(shop, request.tid)
        original = await self._original(request)
        if original is None:
            return await self._forward(shop, request, body)
        wish = flows.CancelWish(
            worlds=frozenset([self._world(shop)]),
            tid=original.tid,
            merc_trx_no=original.merc_trx_no,
            writer=new_tag(),
            cancel_trx_no=request.merc_trx_no,
            body=body,
            keeps_answer=True,
        )
        payment = await self._drive(flows.cancel(wish, self._policy))
        return await telling.cancel(payment, request, self._kept)

    async def _original(self, request: CancelRequest) -> Payment | None:
        journal = self._desk.journal
        find = journal.find_by_van_number if request.wcc == "T" else journal.find
        return await _result(find(request.tid, request.cnd_trx_no))

    async def _forward(self, shop: Shop, request: CancelRequest, body: bytes) -> Reply:
        """Pass on a cancel of a payment from before this journal, and an answer that is one."""
        reception = await self._drive(
            flows.forward(self._world(shop), CANCEL_PATH, body, self._policy)
        )
        verdict = judge_cancel(reception, Expected.of(request))
        if isinstance(verdict, AnswerLost) or not isinstance(reception, RawAnswer):
            return refusal(Refusal.CANCEL_LOST, echo=echo_of(request))
        return gateways(reception.body)

    async def _net_cancel(self, shop: Shop, body: bytes) -> Reply:
        world = self._world(shop)
        intent = freeze_void(
            body, world=world, writer=new_tag(), at=time.time(), policy=self._policy
        )
        _check_terminal(shop, intent.tid)
        wish = flows.VoidWish(intent, frozenset([world]))
        return telling.net_cancel(await self._drive(flows.void(wish, self._policy)))

    def _world(self, shop: Shop) -> str:
        return self._desk.world(shop.gateway_channel_id)

    async def _kept(self, payment: Payment, asked: Asked) -> bytes | None:
        """Open kept bytes; a journal that can't be read now has none to give."""
        try:
            return await _result(self._desk.journal.open_answer(payment.id, asked))
        except JournalUnavailable:
            return None

    async def _drive(self, flow: Flow[T]) -> T:
        return await drive_async(flow, self._perform, self._perform.hand_over)

    def _go_on(self, rest: Flow[Payment]) -> None:
        """Void a payment whose shop has been told; what ends early is recovery's."""
        task = asyncio.create_task(self._drive(rest))
        self._rests.add(task)
        task.add_done_callback(self._end)

    def _end(self, task: asyncio.Task[Payment]) -> None:
        self._rests.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.notice("a payment is left to recovery: %s", type(error).__name__)


async def _result(future: Future[T]) -> T:
    try:
        async with asyncio.timeout(COMMIT_BUDGET_SECONDS):
            return await asyncio.wrap_future(future)
    except TimeoutError:
        raise JournalUnavailable(f"no answer in {COMMIT_BUDGET_SECONDS:g} s") from None


def _rule(error: InvalidRequest) -> str:
    """Name the broken rule by the field's name in the manual."""
    field = FIELDS.get(_NAMED_OTHERWISE.get(error.field, error.field))
    return f"{error.field if field is None else field.wire}: {error.rule}"


def _check_terminal(shop: Shop, tid: str) -> None:
    if shop.tids is not None and tid not in shop.tids:
        raise InvalidRequest("tid", "must be a terminal that this shop may use")
