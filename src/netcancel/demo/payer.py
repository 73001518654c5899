"""A shop's payment process: approves its numbers and writes down what it was told.

Its numbers, amounts and tokens follow from its name and the seed. So the process that replaces a
killed one makes the very same calls; what was told before is left out, and for what was in flight
the journal answers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from netcancel.guard import AsyncGuard
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netcancel.core.outcomes import Outcome

IN_FLIGHT: Final = 24
"""At a one-second time-out a third of all answers lost leaves room for ten payments a second."""

TOKEN_PREFIX: Final = "DEMO_TOKEN_"  # noqa: S105  it pays for nothing
"""How the tokens begin: whoever looks for leaks looks for this."""


def told_path(directory: Path, shop: str) -> Path:
    """Return the file in which a shop keeps what it was told, one JSON object per line."""
    return directory / f"told-{shop}.jsonl"


def read_told(path: Path) -> list[dict[str, str]]:
    """Return what a shop was told so far; a line that a kill cut off was not told."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def orders(shop: str, count: int, seed: int) -> Iterator[dict[str, Any]]:
    """Yield the arguments of a shop's approvals, always the same ones."""
    for index in range(count):
        yield order(f"{shop}-{index:05d}", seed)


def order(number: str, seed: int) -> dict[str, Any]:
    """Return the arguments of a number's approval, always the same ones."""
    draws = random.Random(f"{seed}/{number}")  # noqa: S311  amounts, not secrets
    amount = draws.randrange(10, 2_000) * 100
    return {
        "merc_trx_no": number,
        "token_key": f"{TOKEN_PREFIX}{draws.randrange(10**9):09d}",
        "trx_amt": amount,
        "vat_amt": amount // 11,
    }


class Payer:
    """One shop, its guard, and its file."""

    def __init__(self, guard: AsyncGuard, path: Path) -> None:
        self._guard = guard
        self._path = path
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def run(self, todo: Sequence[dict[str, Any]], per_second: float) -> None:
        """Make the calls at an even pace, and return when each was answered."""
        # Opened without buffer: one write per line, so that a kill cuts none.
        with self._path.open("ab", buffering=0) as file:
            async with asyncio.TaskGroup() as group:
                for each in todo:
                    await self._room.acquire()
                    group.create_task(self._pay(each, file.fileno()))
                    await asyncio.sleep(1 / per_second)

    async def _pay(self, arguments: dict[str, Any], file: int) -> None:
        try:
            outcome = await self._guard.approve(**arguments)
            os.write(file, _line(outcome))
        finally:
            self._room.release()


def _line(outcome: Outcome) -> bytes:
    told = {"merc_trx_no": outcome.merc_trx_no, "outcome": type(outcome).__name__}
    return json.dumps(told).encode() + b"\n"


async def _pay_all(options: argparse.Namespace, settings: dict[str, Any]) -> None:
    path = told_path(options.directory, options.shop)
    answered = {told["merc_trx_no"] for told in read_told(path)}
    todo = [
        each
        for each in orders(options.shop, options.count, options.seed)
        if each["merc_trx_no"] not in answered
    ]
    # Recovery runs in processes of its own here.
    async with AsyncGuard(**settings, recovery="off") as guard:
        await Payer(guard, path).run(todo, options.per_second)


def main(arguments: Sequence[str]) -> None:
    """Run one shop: --shop NAME --count N --seed N --per-second N --directory DIR."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shop", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--per-second", type=float, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    asyncio.run(_pay_all(parser.parse_args(arguments), Settings.load().for_guard()))
