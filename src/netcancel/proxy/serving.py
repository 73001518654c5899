"""The proxy as a server: loopback or TLS, until it is told to stop."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final

import uvicorn

from netcancel.errors import ConfigurationError
from netcancel.proxy.admission import Admission
from netcancel.proxy.app import IN_FLIGHT_MAX, make_app
from netcancel.proxy.till import Till
from netcancel.recovery import RecoveryThread
from netcancel.wire.addresses import is_loopback

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.applications import Starlette

    from netcancel.desk import Desk
    from netcancel.tables import Server, Shop

HEADER_BYTES_MAX: Final = 16 * 1024
BACKLOG: Final = 256
CONNECTIONS_MAX: Final = 2 * IN_FLIGHT_MAX
"""Idle ones included; a connection above them is told 503."""


class ProxyServer:
    """Listens for shops; recovers in a thread of its own."""

    def __init__(self, desk: Desk, shops: Sequence[Shop], server: Server) -> None:
        """Bind the address; raises `ConfigurationError` for what can't be served."""
        if not shops:
            raise ConfigurationError(
                "no shop may use the proxy: add [[shops]] to the settings file"
            )
        is_local = is_loopback(server.host)
        if server.certificate_file is None and not is_local:
            raise ConfigurationError(
                f"the proxy would take tokens in clear on {server.host}: set certificate_file and"
                " key_file of the table server, or listen on 127.0.0.1"
            )
        self._desk = desk
        self._till = Till(desk, shops)
        self._scheme = "http" if server.certificate_file is None else "https"
        self._socket = _bound(server.host, server.port)
        self._uvicorn = uvicorn.Server(self._config(make_app(self._till, Admission(shops)), server))

    @property
    def base_url(self) -> str:
        """What a shop sets as its API domain."""
        host, port = self._socket.getsockname()[:2]
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def run(self) -> None:
        """Serve until SIGTERM, SIGINT or `stop`; then finish what is in flight."""
        recovery = RecoveryThread(self._desk)
        try:
            await self._uvicorn.serve(sockets=[self._socket])
        finally:
            await self._till.aclose()
            recovery.stop()

    def stop(self) -> None:
        """Take no more requests; safe to call from any thread."""
        self._uvicorn.should_exit = True

    def _config(self, app: Starlette, server: Server) -> uvicorn.Config:
        try:
            return self._loaded(app, server)
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"the proxy's certificate can't be used: {error}") from None

    def _loaded(self, app: Starlette, server: Server) -> uvicorn.Config:
        config = uvicorn.Config(
            app,
            http="h11",  # the one that tells of a shop that has gone as soon as its socket does
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            limit_concurrency=CONNECTIONS_MAX,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            timeout_graceful_shutdown=round(2 * self._desk.policy.timeout_seconds) + 10,
            ssl_certfile=server.certificate_file,
            ssl_keyfile=server.key_file,
        )
        config.load()
        return config


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(f"{host}:{port} can't be had: {error.strerror}") from None
