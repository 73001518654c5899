"""The one place that requests go to: address, name and trust, fixed once at start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from netcancel.errors import ConfigurationError
from netcancel.wire import addresses, trust
from netcancel.wire.network import Network

if TYPE_CHECKING:
    import ssl
    from urllib.parse import SplitResult

_WHOSE = "The gateway's"
_PORTS = {"https": 443, "http": 80}
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")


@dataclass(frozen=True, slots=True)
class Gateway:
    """A gateway's address; made by `Gateway.parse`."""

    scheme: str
    host: str
    """In lower case; an international name in its ASCII form; an IPv6 address without brackets."""
    port: int
    prefix: str
    """What a proxy on the way wants before the manual's paths, and takes off; normally nothing."""
    tls: ssl.SSLContext | None = field(repr=False, compare=False)
    network: Network
    """How to get there."""

    @classmethod
    def parse(cls, base_url: str, network: Network = Network()) -> Self:  # noqa: B008  frozen: the same for everybody
        """Read a base URL and load what TLS needs.

        Raises ConfigurationError with a sentence that says what to do; the URL itself isn't
        repeated, it may hold a password.
        """
        if not isinstance(network, Network):
            raise ConfigurationError("network must be a netcancel.Network")
        parts = _split(base_url)
        host = addresses.host_of(parts, _WHOSE)
        port = addresses.port_of(parts, _WHOSE, _PORTS[parts.scheme])
        prefix = parts.path.rstrip("/")
        if not _PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                "The gateway's base URL has an odd path: give scheme and host only, or a path of "
                "plain letters, digits and . _ ~ -"
            )
        if parts.scheme == "http":
            _check_plain(host, network)
            return cls(parts.scheme, host, port, prefix, None, network)
        tls = trust.make_context(network.ca_file, network.client_certificate, network.client_key)
        return cls(parts.scheme, host, port, prefix, tls, network)

    @property
    def origin(self) -> str:
        """Return scheme, host and port, the port always written out: the world a row belongs to."""
        return f"{self.scheme}://{self.endpoint}"

    @property
    def endpoint(self) -> str:
        """Return host and port, the port always written out: what a proxy is asked for."""
        return f"{addresses.bracketed(self.host)}:{self.port}"

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        if self.port == _PORTS[self.scheme]:
            return addresses.bracketed(self.host)
        return self.endpoint

    @property
    def literal_addresses(self) -> tuple[str, ...]:
        """Return the IP addresses that need no look-up, or nothing where the host is a name."""
        return addresses.literal_addresses(self.host)

    def target(self, path: str) -> str:
        """Return the request target to send; signed is the path alone, as the gateway sees it."""
        return self.prefix + path


def _split(base_url: str) -> SplitResult:
    parts = addresses.split(base_url, "The gateway's base", "https://gateway.example")
    if parts.scheme not in _PORTS or not parts.netloc:
        raise ConfigurationError("The gateway's base URL must start with https:// and a host")
    if "@" in parts.netloc:
        raise ConfigurationError(
            "The gateway's base URL holds a user name: remove it, requests are signed by the "
            "channel's secret key"
        )
    return parts


def _check_plain(host: str, network: Network) -> None:
    """Raise ConfigurationError where a request without TLS could leave this host."""
    if not addresses.is_loopback(host):
        raise ConfigurationError(
            "The gateway's base URL is http:// on another host, and tokens would travel in "
            "clear: use https:// (http:// is for a sandbox on this host's loopback only)"
        )
    if network.route is not None and not addresses.is_loopback(network.route.host):
        raise ConfigurationError(
            "The gateway's base URL is http:// and the proxy is another host, to which tokens "
            "would travel in clear: use https://, or no proxy for a sandbox on this host"
        )
    if network.is_for_tls:
        raise ConfigurationError(
            "A CA file, pins and a client certificate need TLS, and the gateway's base URL is "
            "http://: use https://, or leave them out for a sandbox on this host"
        )
