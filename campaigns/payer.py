"""A shop's payment process: asks for its numbers until its standard input ends.

What was asked for before, and not answered with certainty, is asked for again first: so whoever
takes a killed process's place finishes its work. Numbers, amounts and tokens follow from the shop's
name and the seed. Some sales are confirmed, some are returned at once.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import select
import sys
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from campaigns.record import APPROVED, IN_DOUBT, Record, read_record
from netcancel.core.outcomes import Approved
from netcancel.demo.payer import order
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.guard import AsyncGuard
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

IN_FLIGHT: Final = 16
NO_JOURNAL: Final = 75
"""Exit code of a process that finds no journal: its supervisor tries again."""
STANDARD_INPUT: Final = 0


CONFIRM_SECONDS: Final = 8.0
"""Less than any pause: who sleeps with a charge in hand comes too late to confirm it."""


class Sale(Enum):
    """What a shop does with a charge."""

    PLAIN = auto()
    CONFIRMED = auto()
    RETURNED = auto()


SALES: Final = (*[Sale.PLAIN] * 6, *[Sale.CONFIRMED] * 3, Sale.RETURNED)
"""By a number's last digit."""


class Payer:
    """One shop, its guard, and its record."""

    def __init__(self, guard: AsyncGuard, record: Record, seed: int) -> None:
        self._guard = guard
        self._record = record
        self._seed = seed
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def run(
        self, again: Sequence[str], new: Iterator[str], per_second: float, at_once: int
    ) -> None:
        """Ask again, then for new numbers, so many at once; return when each was answered."""
        async with asyncio.TaskGroup() as group:
            for number in again:
                await self._start(group, number)
            while not _has_ended(STANDARD_INPUT):
                for number in itertools.islice(new, at_once):
                    await self._start(group, number)
                await asyncio.sleep(at_once / per_second)

    async def _start(self, group: asyncio.TaskGroup, number: str) -> None:
        await self._room.acquire()
        group.create_task(self._pay(number))

    async def _pay(self, number: str) -> None:
        try:
            self._record.ask(number)
            self._record.tell(number, await self._sell(number))
        except JournalUnavailable as error:
            self._record.tell(number, type(error).__name__)
        except Exception as error:
            # The campaign counts it as a broken promise: nothing else may be raised.
            self._record.tell(number, type(error).__name__)
            logging.getLogger(__name__).exception("number %s", number)
        finally:
            self._room.release()

    async def _sell(self, number: str) -> str:
        """Approve, and do what else belongs to the sale; return the name of the outcome."""
        sale = SALES[int(number[-1])]
        confirm_within = CONFIRM_SECONDS if sale is Sale.CONFIRMED else None
        arguments = order(number, self._seed)
        outcome = await self._guard.approve(**arguments, confirm_within=confirm_within)
        if not isinstance(outcome, Approved) or sale is Sale.PLAIN:
            return type(outcome).__name__
        try:
            if sale is Sale.RETURNED:
                return type(await self._guard.cancel(number)).__name__
            return APPROVED if await self._guard.confirm(number) else IN_DOUBT
        except JournalUnavailable:
            return IN_DOUBT


def _has_ended(pipe: int) -> bool:
    """Whether a pipe on which nothing is ever said was closed."""
    return bool(select.select([pipe], [], [], 0)[0])


async def _pay_all(options: argparse.Namespace, settings: dict[str, Any]) -> None:
    account = read_record(options.record)
    new = (f"{options.shop}-{place:05d}" for place in itertools.count(len(account.asked)))
    # Recovery runs in processes of its own here.
    async with AsyncGuard(**settings, recovery="off") as guard:
        with Record(options.record) as record:
            payer = Payer(guard, record, options.seed)
            again = account.open_numbers()
            await payer.run(again, new, options.per_second, options.at_once)


def main(arguments: Sequence[str]) -> int:
    """Run one shop: --shop NAME --seed N --per-second N [--at-once N] --record FILE."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shop", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--per-second", type=float, required=True)
    parser.add_argument("--at-once", type=int, default=1)
    parser.add_argument("--record", type=Path, required=True)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    try:
        asyncio.run(_pay_all(parser.parse_args(arguments), Settings.load().for_guard()))
    except ConfigurationError as error:
        logging.getLogger(__name__).warning("%s", error)
        return NO_JOURNAL
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
