"""The proxy as a server: loopback or TLS, until it is told to stop."""

from __future__ import annotations

import resource
import socket
import ssl
from typing import TYPE_CHECKING, Final, NoReturn

import uvicorn

from netcancel.errors import ConfigurationError
from netcancel.observe import log
from netcancel.proxy.admission import Admission
from netcancel.proxy.app import IN_FLIGHT_MAX, make_app
from netcancel.proxy.connection import CONNECTIONS_MAX, IDLE_SECONDS, Connection
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

FILES_WANTED: Final = CONNECTIONS_MAX + 3 * IN_FLIGHT_MAX + 256
"""A connection of each shop, one to the gateway for each request, and the journal's files."""


class ProxyServer:
    """Listens for shops; recovers in a thread of its own."""

    def __init__(self, desk: Desk, shops: Sequence[Shop], server: Server) -> None:
        """Bind the address; raises `ConfigurationError` for what can't be served."""
        if not shops:
            raise ConfigurationError(
                "no shop may use the proxy: add [[shops]] to the settings file"
            )
        if server.certificate_file is None and not is_loopback(server.host):
            raise ConfigurationError(
                f"the proxy would take tokens in clear on {server.host}: set certificate_file and"
                " key_file of the table server, or listen on 127.0.0.1"
            )
        if server.certificate_file is not None:
            _check_certificate(server.certificate_file, server.key_file)
        self._desk = desk
        self._till = Till(desk, shops)
        self._scheme = "http" if server.certificate_file is None else "https"
        self._uvicorn = uvicorn.Server(self._config(make_app(self._till, Admission(shops)), server))
        self._socket = _bound(server.host, server.port)

    @property
    def base_url(self) -> str:
        """What a shop sets as its API domain."""
        host, port = self._socket.getsockname()[:2]
        return f"{self._scheme}://{f'[{host}]' if ':' in host else host}:{port}"

    async def run(self) -> None:
        """Serve until `stop`; finish what is in flight, and hand over what is still owed."""
        recovery = RecoveryThread(self._desk)
        try:
            await self._uvicorn.serve(sockets=[self._socket])
        finally:
            await self._till.aclose()
            recovery.stop()

    def stop(self) -> None:
        """Take no more requests; safe to call from any thread and from a signal's handler."""
        self._uvicorn.should_exit = True

    def _config(self, app: Starlette, server: Server) -> uvicorn.Config:
        config = uvicorn.Config(
            app,
            http=Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=IDLE_SECONDS,
            h11_max_incomplete_event_size=HEADER_BYTES_MAX,
            timeout_graceful_shutdown=round(2 * self._desk.policy.timeout_seconds) + 10,
            ssl_certfile=server.certificate_file,
            ssl_keyfile=server.key_file,
        )
        config.load()
        return config


def allow_files() -> None:
    """Let this process open as many files as it may need, or say that it can't."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(FILES_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < FILES_WANTED:
        log.notice(
            "only %d files may be open: above that shops are kept waiting, %d are wanted",
            wanted,
            FILES_WANTED,
        )


def _check_certificate(certificate: str, key: str | None) -> None:
    """Raise `ConfigurationError` where the server's side of TLS can't be made of these files."""
    try:
        # Without a password of ours OpenSSL would ask for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
            certificate, key, password=_refuse_password
        )
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"the proxy's certificate {certificate!a} and its key {key or certificate!a} can't be"
            f" used: {error.strerror if isinstance(error, OSError) else error}"
        ) from None


def _refuse_password() -> NoReturn:
    raise ConfigurationError(
        "the proxy's key is encrypted: give an unencrypted PEM file that only this user can read"
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigurationError(f"{host}:{port} can't be had: {error.strerror}") from None
