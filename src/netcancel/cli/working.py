"""`worker`: recovery as a process of its own."""

from __future__ import annotations

import asyncio
import logging
import signal

from netcancel.cli.options import SettingFlags, refuse_memory, without_password
from netcancel.cli.output import write
from netcancel.desk import Desk
from netcancel.kicc.text import escape
from netcancel.recovery import Recovery
from netcancel.settings import Settings


def worker(**settings: SettingFlags) -> None:
    """Net-cancel what is due until SIGTERM or SIGINT; then hand back what is in flight.

    Any number may run on one journal, which must be there. Alarms go to the standard error. Ends
    with 0 when it is stopped.
    """
    given = Settings.load(flags=settings)
    refuse_memory(given)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    desk = Desk.open(**given.for_desk(create=False))
    try:
        where = f"{without_password(given.journal)} for {desk.world()}"
        asyncio.run(_run(desk, f"worker started on {escape(where)}\n"))
    finally:
        desk.journal.close()
    write("worker stopped\n")


async def _run(desk: Desk, greeting: str) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    # Said only now: whoever reads it may send the signal at once.
    write(greeting)
    await Recovery(desk).run(stop)
