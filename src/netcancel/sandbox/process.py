"""The sandbox as a process of its own: serves until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from netcancel.sandbox import world
from netcancel.sandbox.addresses import is_loopback
from netcancel.sandbox.world import World


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a caller of the running sandbox needs; the keys open nothing but this sandbox."""

    base_url: str
    admin_key: str = field(repr=False)
    channel_id: str = world.CHANNEL_ID
    secret_key: str = field(default=world.SECRET_KEY, repr=False)
    tid: str = world.TID
    svc_id: str = world.SVC_ID
    bizr_no: str = world.BIZR_NO
    warning: str | None = None


def serve(
    *,
    on_ready: Callable[[Announcement], None],
    host: str = "127.0.0.1",
    port: int = 0,
    seed: int = 0,
    net_cancel_memory: str = "tombstone",
    refuse_used_numbers: bool = True,
    faults: Iterable[str] = (),
    allow_non_loopback: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM; `on_ready` gets the announcement once connections are taken.

    Runs in the main thread. Faults are NAME[@ENDPOINT][:RATE]. Raises ValueError for what doesn't
    exist and for a host beyond loopback that wasn't allowed, OSError for a port that isn't free.
    """
    warning = warning_for(host, allowed=allow_non_loopback)
    sandbox = World(
        seed=seed,
        net_cancel_memory=net_cancel_memory,
        refuse_used_numbers=refuse_used_numbers,
        faults=faults,
    )

    def announce(base_url: str) -> None:
        on_ready(Announcement(base_url=base_url, admin_key=sandbox.admin_key, warning=warning))

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        await sandbox.run(host, port, on_ready=announce, stop=stop)

    asyncio.run(run())


def warning_for(host: str, *, allowed: bool) -> str | None:
    """Return what to say loudly about a host, None for loopback; raises ValueError."""
    if is_loopback(host):
        return None
    if not allowed:
        message = f"{host} is not a loopback address; allow it explicitly if you mean it"
        raise ValueError(message)
    return (
        f"WARNING: this sandbox listens on {host}, beyond this machine. Its secret is public:"
        " anyone who reaches it can use it. Never put real data in it."
    )
