"""The HTTP side of the proxy: three paths, raw bytes in, raw bytes out."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from netcancel.kicc import APPROVAL_PATH, CANCEL_PATH, CONTENT_TYPE, NET_CANCEL_PATH
from netcancel.observe import log
from netcancel.proxy.replies import Refusal, Reply, refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Receive

    from netcancel.proxy.admission import Admission
    from netcancel.proxy.till import Till

BODY_BYTES_MAX: Final = 64 * 1024
"""As for the gateway's answers; a request of the manual's has at most some two thousand."""

BODY_SECONDS: Final = 10.0
"""A body that takes longer is a client that hangs."""

IN_FLIGHT_MAX: Final = 512
"""More at once of one path are refused: each waits for the gateway, and shops have time-outs."""


def make_app(till: Till, admission: Admission, clock: Callable[[], float] = time.time) -> Starlette:
    """Make the application; `clock` gives seconds since the epoch, for the age of signatures."""
    paths = (APPROVAL_PATH, CANCEL_PATH, NET_CANCEL_PATH)
    counters = {path: _Counter(till, admission, clock) for path in paths}
    app = Starlette(
        routes=[Route(path, each.receive, methods=["POST"]) for path, each in counters.items()],
        exception_handlers={404: _unknown_path, 405: _unknown_path},
    )
    app.router.redirect_slashes = False  # whoever follows a redirect sends a POST twice
    return app


class _Counter:
    """Where shops hand in the requests of one path: held-up approvals keep no net-cancel out."""

    def __init__(self, till: Till, admission: Admission, clock: Callable[[], float]) -> None:
        self._till = till
        self._admission = admission
        self._clock = clock
        self._in_flight = 0

    async def receive(self, request: Request) -> Response:
        """Serve one request."""
        if self._in_flight >= IN_FLIGHT_MAX:
            return _response(refusal(Refusal.NOT_NOW))
        self._in_flight += 1
        try:
            return _response(await self._reply(request))
        except Exception:  # noqa: BLE001  raised on, it would be logged with all that it says
            log.bug("in the proxy")
            return _response(refusal(Refusal.UNKNOWN))
        finally:
            self._in_flight -= 1

    async def _reply(self, request: Request) -> Reply:
        path = request.scope["path"]
        # What is signed is the path as it was sent, and the manual's have nothing behind them.
        if request.scope["raw_path"] != path.encode() or request.scope["query_string"]:
            return refusal(Refusal.UNKNOWN_PATH)
        if not _is_json(request.headers.getlist("content-type")):
            return refusal(Refusal.NOT_JSON)
        body = await _body(request)
        if body is None:
            return refusal(Refusal.TOO_LARGE)
        shop = self._admission.admit(request.headers.raw, path, body, now=self._clock())
        if isinstance(shop, Refusal):
            return refusal(shop)
        gone = asyncio.create_task(_wait_until_gone(request.receive))
        try:
            return await self._till.serve(shop, path, body, gone.done)
        finally:
            gone.cancel()


async def _body(request: Request) -> bytes | None:
    """Read the body; None: it is too large, too slow or broken off, and nothing of it counts."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    return None
    except (ClientDisconnect, TimeoutError):
        return None
    return bytes(body)


async def _wait_until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _is_json(content_types: list[str]) -> bool:
    if len(content_types) != 1:
        return False
    kind, _, parameters = content_types[0].lower().partition(";")
    charset = parameters.replace(" ", "").replace('"', "")
    return kind.strip() == "application/json" and charset in {"", "charset=utf-8"}


def _response(reply: Reply) -> Response:
    return Response(reply.body, reply.status, media_type=CONTENT_TYPE)


async def _unknown_path(_request: Request, _error: Exception) -> Response:
    return _response(refusal(Refusal.UNKNOWN_PATH))
