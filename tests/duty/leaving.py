"""A program that approves and ends without closing its guard; its input says where and how."""

from __future__ import annotations

import asyncio
import json
import sys
import threading

from tests.duty.parts import LOOK_SECONDS
from tests.duty.shop import Shop, order_of


def main() -> None:
    """Approve once and end."""
    words = json.load(sys.stdin)
    shop, how = Shop.of_words(words["shop"]), words["how"]
    if how == "async":
        asyncio.run(_approve_async(shop))
        return
    guard = shop.guard(recovery="thread")
    if how == "in a daemon thread":
        threading.Thread(target=guard.approve, kwargs=order_of("ORD_1"), daemon=True).start()
        while guard.find("ORD_1") is None:
            threading.Event().wait(LOOK_SECONDS)
        return
    guard.approve(**order_of("ORD_1"))
    if how == "exits":
        sys.exit()


async def _approve_async(shop: Shop) -> None:
    guard = shop.async_guard(recovery="thread")
    await guard.approve(**order_of("ORD_1"))


if __name__ == "__main__":
    main()
