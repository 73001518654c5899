"""How a company lets requests out, and whom beyond the usual it trusts and shows itself to."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from functools import cached_property

from netcancel.errors import ConfigurationError
from netcancel.wire import addresses, pins, trust
from netcancel.wire.proxy import Proxy

_TEXTS = ("proxy", "ca_file", "client_certificate", "client_key", "source_address")


@dataclass(frozen=True, kw_only=True)
class Network:
    """The way to the gateway; by default straight, with the system's trust.

    Nothing is taken from the environment: its proxy variables are ignored. Raises
    `ConfigurationError` with a sentence that says what to do. Files are named by their path.

    A proxy may still deliver what it holds when we have given up: resetting our connection doesn't
    take that back, so `settle_seconds` must cover what a proxy may hold back.
    """

    proxy: str | None = field(default=None, repr=False)
    """An HTTP proxy that allows CONNECT: `http://[user:password@]host:port`."""
    ca_file: str | None = None
    """A PEM bundle of authorities that are trusted instead of the system's."""
    pins: tuple[str, ...] = ()
    """Base64 of the SHA-256 of the SubjectPublicKeyInfo of the gateway's certificate; one must fit.

    Checked after the usual verification, never instead of it.
    """
    client_certificate: str | None = None
    """A PEM file with the certificate that we show, and the chain above it."""
    client_key: str | None = None
    """A PEM file with its key, not encrypted; None: the key is in the certificate's file."""
    source_address: str | None = None
    """The IP address of this host that connections are made from."""

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise ConfigurationError(f"{name} must be a text that isn't empty, or None")
        if not isinstance(self.pins, tuple):
            raise ConfigurationError("pins must be a tuple of texts, such as (current, next)")
        for pin in self.pins:
            pins.check(pin)
        if self.client_key is not None and self.client_certificate is None:
            raise ConfigurationError(
                "A client key without its certificate is of no use: give client_certificate too"
            )
        if self.source_address is not None and not addresses.is_address(self.source_address):
            raise ConfigurationError(
                "The source address must be an IP address of this host, such as 192.0.2.10"
            )
        _ = self.route  # raises for a proxy that can't be used
        trust.check_files(self.ca_file, self.client_certificate, self.client_key)

    @cached_property
    def route(self) -> Proxy | None:
        """The proxy that opens the tunnel; None: the gateway is connected to directly."""
        return None if self.proxy is None else Proxy.parse(self.proxy)

    @property
    def is_for_tls(self) -> bool:
        """Whether something is asked for that only TLS can give."""
        return bool(self.ca_file or self.pins or self.client_certificate)

    def reachable(self, found: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of these IP addresses that the source address can connect to."""
        if self.source_address is None:
            return found
        version = ipaddress.ip_address(self.source_address).version
        return tuple(each for each in found if ipaddress.ip_address(each).version == version)
