"""The sandbox as a library: a real server in its own thread, and the books to look into."""

import asyncio
import threading
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Final, Self

from netcancel.kicc import Credentials, Merchant
from netcancel.sandbox import codes, world
from netcancel.sandbox.addresses import is_loopback
from netcancel.sandbox.faults import FAULTS
from netcancel.sandbox.gateway import RecordedRequest
from netcancel.sandbox.spoil import Option
from netcancel.sandbox.world import World

THREAD_SECONDS: Final = 10.0
WAIT_SECONDS: Final = 10.0


class Sandbox:
    """A simulated gateway for tests: `with Sandbox() as van: ...`.

    It knows who was charged, loses answers on demand, and never leaves this machine. Safe to use
    from any thread; the books stay readable after it was closed.
    """

    nothing_to_void_code = codes.NOTHING_TO_VOID
    fields_differ_code = codes.FIELDS_DIFFER
    number_used_code = codes.NUMBER_USED
    net_cancelled_before_code = codes.NET_CANCELLED_BEFORE
    already_cancelled_code = codes.ALREADY_CANCELLED
    original_not_found_code = codes.ORIGINAL_NOT_FOUND
    original_differs_code = codes.ORIGINAL_DIFFERS
    format_error_code = codes.FORMAT_ERROR
    not_authenticated_code = codes.NOT_AUTHENTICATED
    refused_code = codes.REFUSED

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        seed: int = 0,
        net_cancel_memory: str = "tombstone",
        refuse_used_numbers: bool = True,
        faults: Iterable[str] = (),
    ) -> None:
        """Prepare; port 0 takes any free one, `faults` are NAME[@ENDPOINT][:RATE].

        Raises ValueError for a host that isn't loopback and for names that don't exist.
        """
        if not is_loopback(host):
            message = "the sandbox of the library listens on a loopback address only"
            raise ValueError(message)
        self._world = World(
            seed=seed,
            net_cancel_memory=net_cancel_memory,
            refuse_used_numbers=refuse_used_numbers,
            faults=faults,
        )
        self._host, self._port = host, port
        self._ready = threading.Event()
        self._base_url = ""
        self._failure: BaseException | None = None
        self._stop: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None
        self.admin_key = self._world.admin_key
        self.credentials = Credentials(
            channel_id=world.CHANNEL_ID,
            secret_key=world.SECRET_KEY,
        )
        self.merchant = Merchant(tid=world.TID, svc_id=world.SVC_ID, bizr_no=world.BIZR_NO)

    @property
    def base_url(self) -> str:
        """Return scheme, host and port; raises RuntimeError before the start."""
        if not self._base_url:
            message = "the sandbox has not been started: use `with Sandbox() as van`"
            raise RuntimeError(message)
        return self._base_url

    def start(self) -> Self:
        """Start serving; raises OSError if the port can't be had, RuntimeError if used twice."""
        if self._thread is not None:
            message = "a sandbox starts once"
            raise RuntimeError(message)
        self._thread = threading.Thread(target=self._run, name="netcancel-sandbox", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._failure is not None:
            raise self._failure
        return self

    def close(self) -> None:
        """Cut all connections and stop; raises what went wrong unseen in the server's thread."""
        if self._thread is not None and self._thread.is_alive():
            self._stop()
            self._thread.join(THREAD_SECONDS)
            if self._thread.is_alive():
                message = "the sandbox's thread did not stop"
                raise RuntimeError(message)
        if self._world.bugs:
            raise self._world.bugs.pop()

    def __enter__(self) -> Self:
        """Start serving."""
        return self.start()

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Stop serving."""
        self.close()

    def inject(
        self,
        name: str,
        *,
        times: int | None = None,
        rate: float | None = None,
        endpoint: str | None = None,
        **options: Option,
    ) -> None:
        """Let a fault hit the next request, the next `times`, or a share (`rate`) of them.

        `endpoint` is approval, cancel or net-cancel; without it the fault's own. Faults wait in
        the order of their injection, one hits a request. Raises ValueError.
        """
        with self._world.gateway.changed:
            self._world.gateway.plan.inject(
                name, times=times, rate=rate, endpoint=endpoint, options=options
            )

    def clear_faults(self) -> None:
        """Forget every injected fault that has not hit."""
        with self._world.gateway.changed:
            self._world.gateway.plan.clear()

    @staticmethod
    def fault_names() -> tuple[str, ...]:
        """List the catalogue."""
        return tuple(FAULTS)

    def charges(self) -> list[dict[str, Any]]:
        """Return every charge ever made, oldest first; status is live, voided or refunded."""
        gateway = self._world.gateway
        with gateway.changed:
            return [charge.as_row() for charge in gateway.ledger.charges]

    def requests(self, since: int = 0) -> list[RecordedRequest]:
        """Return what arrived, oldest first, from an index on: see RecordedRequest for the keys."""
        gateway = self._world.gateway
        with gateway.changed:
            return [RecordedRequest(record) for record in gateway.records_since(since)]

    def wait_for_requests(self, count: int, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Wait until `count` requests have arrived since the start; raises TimeoutError."""
        gateway = self._world.gateway
        self._wait(lambda: gateway.received >= count, timeout_seconds, f"{count} requests")

    def wait_until_idle(self, timeout_seconds: float = WAIT_SECONDS) -> None:
        """Wait until no delayed approval or copy is left to be worked; raises TimeoutError."""
        gateway = self._world.gateway
        self._wait(lambda: gateway.pending == 0, timeout_seconds, "no pending approval")

    def _wait(self, holds: Callable[[], bool], timeout_seconds: float, wanted: str) -> None:
        with self._world.gateway.changed:
            if not self._world.gateway.changed.wait_for(holds, timeout_seconds):
                message = f"the sandbox waited {timeout_seconds} s for: {wanted}"
                raise TimeoutError(message)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except Exception as error:  # noqa: BLE001 - start() or close() raises it to the owner
            if self._ready.is_set():
                self._world.bugs.append(error)
            else:
                self._failure = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stop.set)
        await self._world.run(self._host, self._port, on_ready=self._note_ready, stop=stop)

    def _note_ready(self, base_url: str) -> None:
        self._base_url = base_url
        self._ready.set()
