"""`worker`: recovery as a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal

from netcancel.cli.options import SettingFlags, refuse_memory, without_password
from netcancel.cli.output import write
from netcancel.desk import Desk
from netcancel.health import Health, listening, tell_systemd, watchdog_seconds
from netcancel.kicc.text import escape
from netcancel.recovery import Recovery
from netcancel.settings import Settings


def worker(*, probes: str | None = None, **settings: SettingFlags) -> None:
    """Net-cancel what is due until SIGTERM or SIGINT; then hand back what is in flight.

    Any number may run on one journal, which must be there. Alarms go to the standard error. Under
    systemd it notifies: Type=notify, WatchdogSec. Ends with 0 when it is stopped.

    Parameters
    ----------
    probes
        answer GET /live and /ready at this address of this host, such as 127.0.0.1:8701
    """
    given = Settings.load(flags=settings)
    refuse_memory(given)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    desk = Desk.open(**given.for_desk(create=False))
    try:
        where = f"{without_password(given.journal)} for {' and '.join(desk.worlds.values())}"
        asyncio.run(_run(desk, f"worker started on {escape(where)}", probes))
    finally:
        desk.journal.close()
    write("worker stopped\n")


async def _run(desk: Desk, greeting: str, probes: str | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    recovery = Recovery(desk)
    async with contextlib.AsyncExitStack() as stack:
        if probes is not None:
            url = await stack.enter_async_context(listening(Health(recovery.vitals), probes))
            greeting += f", probes at {url}"
        watchdog = asyncio.create_task(_feed_watchdog())
        # Said only now: whoever reads it may send the signal at once.
        write(f"{greeting}\n")
        tell_systemd("READY=1")
        await recovery.run(stop)
        tell_systemd("STOPPING=1")
        watchdog.cancel()


async def _feed_watchdog() -> None:
    """Tell systemd that the loop runs, as often as it wants to hear it."""
    seconds = watchdog_seconds()
    while seconds is not None:
        tell_systemd("WATCHDOG=1")
        await asyncio.sleep(seconds)
