"""`proxy`: the drop-in gateway for shops in other languages."""

from __future__ import annotations

import asyncio
import logging

from netcancel.cli.options import SettingFlags, refuse_memory, without_password
from netcancel.cli.output import write
from netcancel.desk import Desk
from netcancel.errors import ConfigurationError
from netcancel.kicc.text import escape
from netcancel.settings import Settings


def proxy(**settings: SettingFlags) -> None:
    """Serve the gateway's three paths to shops until SIGTERM or SIGINT, under the duty.

    Shops, channels and the address stand in the settings file's tables; the journal is made at its
    first use. Recovery runs in this process. Alarms go to the standard error.
    """
    try:
        from netcancel.proxy import ProxyServer
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the proxy needs {error.name}: install netcancel with it, netcancel[proxy]"
        ) from None

    given = Settings.load(flags=settings)
    refuse_memory(given)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    desk = Desk.open(**given.for_desk(create=True))
    try:
        server = ProxyServer(desk, given.tables.shops, given.tables.server)
        shops = len(given.tables.shops)
        where = escape(without_password(given.journal))
        write(f"proxy on {server.base_url} for {shops} shops, journal {where}\n")
        asyncio.run(server.run())
    finally:
        desk.journal.close()
    write("proxy stopped\n")
