"""The campaign: shops pay, cancel and recover until the time is over; then calm, and the books."""

from __future__ import annotations

import asyncio
import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

from netcancel import Approved, Policy, State, operators
from netcancel.core.lifecycle import Event
from netcancel.demo.books import Told, close_books
from netcancel.kicc import Loss
from netcancel.recovery import Recovery
from proof.fuzzing.hostile.answers import TIMEOUT_SECONDS
from proof.fuzzing.hostile.gateway import HostileGateway
from proof.fuzzing.oracle import OURS, Says
from tests.duty.shop import Shop
from tests.wire.answerer import Answerer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from netcancel import Payment

THREADS: Final = 8
TASKS: Final = 8
TURNS_OF_CALM: Final = 12
"""Each as if a settle time had passed; three or four close everything."""

POLICY: Final = Policy(
    timeout_seconds=TIMEOUT_SECONDS,
    settle_seconds=0.5,
    first_retry_seconds=0.05,
    retry_ceiling_seconds=0.5,
    nothing_to_void_codes=frozenset({"7001"}),
    already_voided_codes=frozenset({"7002"}),
)

JUDGED: Final = {
    Event.APPROVAL_PROVEN: Says.APPROVED,
    Event.DECLINE_PROVEN: Says.DECLINED,
    Event.AMOUNT_DIFFERS: Says.OTHER_AMOUNT,
    Event.AMOUNT_DIFFERS_UNCANCELLABLE: Says.OTHER_AMOUNT,
    Event.ANSWER_LOST: Says.LOST,
}
"""What the event that follows the intent says of the approval's answer."""


@dataclass(slots=True)
class Result:
    """What a campaign found."""

    figures: dict[str, int] = field(default_factory=dict[str, int])
    problems: list[str] = field(default_factory=list[str])


class Campaign:
    """One gateway, one journal, a Guard with threads and an AsyncGuard with tasks."""

    def __init__(self, directory: Path, seed: int, *, least: int = 1) -> None:
        """`least`: how many payments each payer makes, however little time there is."""
        self._seed = seed
        self._least = least
        self._gateway = HostileGateway(seed)
        self._directory = directory
        self._count = itertools.count(1)
        self._told: dict[str, str] = {}

    def run(self, seconds: float) -> Result:
        """Make trouble for so long, then close the books."""
        with Answerer(self._gateway.act) as answerer:
            journal = f"sqlite:///{self._directory / 'payments.db'}"
            shop = Shop(answerer.base_url, journal, POLICY)
            self._pay(shop, time.monotonic() + seconds)
            self._gateway.calm()
            self._recover_until_closed(shop)
            return self._result(shop.payments())

    def _pay(self, shop: Shop, until: float) -> None:
        with ThreadPoolExecutor(THREADS + 1) as threads, shop.guard(recovery="thread") as guard:
            tasks = threads.submit(asyncio.run, self._pay_in_tasks(shop, until))
            others = [threads.submit(self._pay_in_turn, guard, until) for _ in range(THREADS)]
            for each in [tasks, *others]:
                each.result()

    def _pay_in_turn(self, guard: Any, until: float) -> None:  # noqa: ANN401  a Guard
        for number, is_cancelled in self._orders("T", until):
            outcome = guard.approve(**_order(number))
            self._told[number] = type(outcome).__name__
            if is_cancelled and isinstance(outcome, Approved):
                self._told[number] = type(guard.cancel(number)).__name__

    async def _pay_in_tasks(self, shop: Shop, until: float) -> None:
        async with shop.async_guard(recovery="thread") as guard, asyncio.TaskGroup() as group:
            for _ in range(TASKS):
                group.create_task(self._pay_in_task(guard, until))

    async def _pay_in_task(self, guard: Any, until: float) -> None:  # noqa: ANN401  an AsyncGuard
        for number, is_cancelled in self._orders("A", until):
            outcome = await guard.approve(**_order(number))
            self._told[number] = type(outcome).__name__
            if is_cancelled and isinstance(outcome, Approved):
                self._told[number] = type(await guard.cancel(number)).__name__

    def _orders(self, prefix: str, until: float) -> Iterator[tuple[str, bool]]:
        """Give numbers until the time is over, and whether to cancel each."""
        for place in itertools.count():
            if place >= self._least and time.monotonic() > until:
                return
            number = f"{prefix}{next(self._count):08d}"
            yield number, Random(f"{self._seed} {number}").randrange(3) == 0  # noqa: S311  reproducible

    @staticmethod
    def _recover_until_closed(shop: Shop) -> None:
        """Recover as if more and more time had passed; what is a person's is retried."""
        step = shop.policy.hold_seconds + shop.policy.settle_after_seconds + 1.0
        for turn in range(1, TURNS_OF_CALM):
            with shop.desk(ahead_seconds=turn * step) as desk:
                asyncio.run(Recovery(desk).run_once(limit=100_000))
                escalated = desk.journal.list_payments(
                    states={State.ESCALATED}, limit=100_000
                ).result()
                for payment in escalated:
                    operators.retry(desk.journal, payment, by="campaign", as_cancel=False).result()
                by_state = desk.journal.summary(worlds=desk.all_worlds).result().by_state
            if all(state.is_final for state in by_state):
                return

    def _result(self, payments: Sequence[Payment]) -> Result:
        result = Result()
        compared = [self._compare(payment, result) for payment in payments]
        tellings = [Told((OURS.tid, number), told) for number, told in self._told.items()]
        balance = close_books(self._gateway.charges(), payments, tellings)
        result.problems += [f"{each.number[1]}: {each.fault}" for each in balance.problems]
        result.problems += [f"{number}: approved twice" for number in self._gateway.again]
        result.problems += self._unknown(payments)
        result.figures = {
            "payments": len(payments),
            "answers compared": sum(compared),
            "charges": balance.charged,
            "charges that stand": balance.live,
            **{f"told {name}": count for name, count in sorted(balance.told.items())},
            **{f"answers {name}": count for name, count in sorted(self._gateway.sent.items())},
            "problems": len(result.problems),
        }
        return result

    def _compare(self, payment: Payment, result: Result) -> bool:
        """Compare what was made of an approval's answer with what it proves."""
        number = payment.merc_trx_no
        sent = self._gateway.approvals.get(number)
        judged = JUDGED.get(payment.history[1].event)
        if sent is None or judged is None:
            # Not sent any more, or taken over by recovery: on a machine that stood still.
            return False
        is_slow = judged is Says.LOST and payment.loss is Loss.READ_TIMEOUT
        if not (sent.allows(judged) or is_slow):
            result.problems.append(
                f"{number}: judged {judged}, proven {sent.proves}, of {sent.pieces!r}"
            )
        return True

    def _unknown(self, payments: Iterable[Payment]) -> list[str]:
        """List the numbers that were sent for approval and stand in no journal."""
        known = {payment.merc_trx_no for payment in payments}
        return [f"{number}: unknown" for number in self._gateway.approvals.keys() - known]


def _order(number: str) -> dict[str, Any]:
    return {
        "merc_trx_no": number,
        "token_key": "TOKEN_ABC123XYZ...",
        "trx_amt": OURS.trx_amt,
        "vat_amt": 909,
    }
