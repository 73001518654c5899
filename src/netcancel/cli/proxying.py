"""`proxy`: the drop-in gateway for shops in other languages."""

from __future__ import annotations

import asyncio
import logging
import signal
from typing import TYPE_CHECKING

from netcancel.cli.options import SettingFlags, refuse_memory, without_password
from netcancel.cli.output import write
from netcancel.desk import Desk
from netcancel.errors import ConfigurationError
from netcancel.kicc.text import escape
from netcancel.settings import Settings

if TYPE_CHECKING:
    from netcancel.proxy import ProxyServer


def proxy(**settings: SettingFlags) -> None:
    """Serve the gateway's three paths to shops until SIGTERM or SIGINT, under the duty.

    Shops, channels and the address stand in the settings file's tables; the journal is made at its
    first use. Recovery runs in this process. Alarms go to the standard error. Ends with
    0 when it is stopped.
    """
    try:
        from netcancel.proxy import ProxyServer, allow_files
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the proxy needs {error.name}: install netcancel with it, netcancel[proxy]"
        ) from None

    given = Settings.load(flags=settings)
    refuse_memory(given)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    allow_files()
    desk = Desk.open(**given.for_desk(create=True))
    try:
        server = ProxyServer(desk, given.tables.shops, given.tables.server)
        where = escape(without_password(given.journal))
        shops = len(given.tables.shops)
        asyncio.run(_run(server, f"proxy on {server.base_url}, shops: {shops}, journal {where}\n"))
    finally:
        desk.journal.close()
    write("proxy stopped\n")


async def _run(server: ProxyServer, greeting: str) -> None:
    # The server catches signals too, and raises them again at its own end: without a handler of
    # ours that would end the process before payments are handed over.
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, server.stop)
    # Said only now: whoever reads it may send the signal at once.
    write(greeting)
    await server.run()
