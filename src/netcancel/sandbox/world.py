"""All parts of one sandbox put together, and its life on an event loop."""

import asyncio
import secrets
from collections.abc import Callable, Iterable
from typing import Final

from netcancel.sandbox.addresses import base_url
from netcancel.sandbox.admin import Admin
from netcancel.sandbox.faults import FaultPlan, inject_all
from netcancel.sandbox.gateway import Gateway
from netcancel.sandbox.ledger import Ledger, NetCancelMemory
from netcancel.sandbox.server import Server
from netcancel.sandbox.signature import SignatureCheck

CHANNEL_ID: Final = "CH_SANDBOX"
SECRET_KEY: Final = "sandbox-secret-key-that-guards-nothing"  # noqa: S105 - public, opens only sandboxes
TID: Final = "T123456789"
SVC_ID: Final = "SVC_SIMPLE"
BIZR_NO: Final = "1234567890"


class World:
    """One sandbox: gateway, administration and server."""

    def __init__(
        self,
        *,
        seed: int = 0,
        net_cancel_memory: str = "tombstone",
        refuse_used_numbers: bool = True,
        faults: Iterable[str] = (),
    ) -> None:
        """Build it; faults are NAME[@ENDPOINT][:RATE]; raises ValueError for unknown names."""
        memory = NetCancelMemory(net_cancel_memory)
        self.gateway = Gateway(
            check=SignatureCheck(CHANNEL_ID, SECRET_KEY),
            ledger=Ledger(memory=memory, refuse_used_numbers=refuse_used_numbers),
            plan=FaultPlan(seed),
        )
        inject_all(self.gateway.plan, faults)
        self.admin_key = secrets.token_urlsafe(24)
        self._admin = Admin(self.gateway, self.admin_key)
        self.bugs: list[BaseException] = []

    async def run(
        self,
        host: str,
        port: int,
        *,
        on_ready: Callable[[str], None],
        stop: asyncio.Event,
    ) -> None:
        """Serve until `stop` is set; `on_ready` gets the base URL once connections are taken."""
        asyncio.get_running_loop().set_exception_handler(self._note_bug)
        server = Server(self.gateway, self._admin.handle)
        try:
            address, bound = await server.start(host, port)
            on_ready(base_url(address, bound))
            await stop.wait()
        finally:
            await server.stop()

    def _note_bug(self, loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        """Keep what nobody caught, for the owner to raise, and log it as usual."""
        error = context.get("exception")
        if isinstance(error, BaseException):
            self.bugs.append(error)
        loop.default_exception_handler(context)
