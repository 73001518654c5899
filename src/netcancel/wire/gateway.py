"""The one place that requests go to: address, name and trust, fixed once at start."""

from __future__ import annotations

import ipaddress
import re
import ssl
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, urlsplit

from netcancel.errors import ConfigurationError

_PORTS = {"https": 443, "http": 80}
_PORT_MAX = 65_535
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*"
                   r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")  # fmt: skip
_NUMERIC_NAME = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")

# "localhost" is never looked up: a resolver that answers it with another machine's address would
# carry plain http off this host (RFC 6761, 6.3).
_LOCALHOST = ("127.0.0.1", "::1")


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

    @classmethod
    def parse(cls, base_url: str, *, ca_file: str | None = None) -> Self:
        """Read a base URL and load the trust anchors.

        `ca_file` is a PEM bundle that is trusted instead of the system's. Raises
        ConfigurationError with a sentence that says what to do; the URL itself isn't repeated,
        it may hold a password.
        """
        parts = _split(base_url)
        host = _host(parts)
        port = _port(parts)
        prefix = parts.path.rstrip("/")
        if not _PREFIX.fullmatch(prefix):
            raise ConfigurationError(
                "The gateway's base URL has an odd path: give scheme and host only, or a path of "
                "plain letters, digits and . _ ~ -"
            )
        if parts.scheme == "http" and not _is_loopback(host):
            raise ConfigurationError(
                "The gateway's base URL is http:// on another host, and tokens would travel in "
                "clear: use https:// (http:// is for a sandbox on this host's loopback only)"
            )
        tls = _trust(ca_file) if parts.scheme == "https" else None
        return cls(parts.scheme, host, port, prefix, tls)

    @property
    def origin(self) -> str:
        """Return scheme, host and port, the port always written out: the world a row belongs to."""
        return f"{self.scheme}://{self._bracketed}:{self.port}"

    @property
    def authority(self) -> str:
        """Return the value of the Host header."""
        if self.port == _PORTS[self.scheme]:
            return self._bracketed
        return f"{self._bracketed}:{self.port}"

    @property
    def literal_addresses(self) -> tuple[str, ...]:
        """Return the IP addresses that need no look-up, or nothing where the host is a name."""
        return _literal_addresses(self.host)

    def target(self, path: str) -> str:
        """Return the request target to send; signed is the path alone, as the gateway sees it."""
        return self.prefix + path

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


def _split(base_url: str) -> SplitResult:
    # urlsplit silently drops tabs and line ends, so odd characters are refused before it.
    if not base_url or not base_url.isprintable() or any(c in base_url for c in ' \\"<>^`{|}'):
        raise ConfigurationError(
            "The gateway's base URL is empty or has spaces or odd characters in it: "
            "write it like https://gateway.example"
        )
    try:
        parts = urlsplit(base_url)
    except ValueError:
        raise ConfigurationError(
            "The gateway's base URL can't be read: write it like https://gateway.example"
        ) from None
    if parts.scheme not in _PORTS or not parts.netloc:
        raise ConfigurationError("The gateway's base URL must start with https:// and a host")
    if "@" in parts.netloc:
        raise ConfigurationError(
            "The gateway's base URL holds a user name: remove it, requests are signed by the "
            "channel's secret key"
        )
    if "?" in base_url or "#" in base_url:
        raise ConfigurationError("The gateway's base URL has a query or a fragment: remove it")
    return parts


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":"):
        raise ConfigurationError(
            f"The gateway's port must be a number from 1 to {_PORT_MAX}, or left out with its colon"
        )
    return port or _PORTS[parts.scheme]


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if _is_address(host):
        return str(ipaddress.ip_address(host))
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    # A name that ends in a number is read as an address by some resolvers (127.1, 0x7f000001).
    if "[" in parts.netloc or not _NAME.fullmatch(name) or _NUMERIC_NAME.fullmatch(name):
        raise ConfigurationError(
            "The gateway's host is neither a host name nor an IP address: check its spelling "
            "(no dot at its end, IPv6 in brackets, IPv4 as four decimal numbers)"
        )
    return name


@cache
def _literal_addresses(host: str) -> tuple[str, ...]:
    if host == "localhost":
        return _LOCALHOST
    return (host,) if _is_address(host) else ()


def _is_address(host: str) -> bool:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return getattr(address, "scope_id", None) is None


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    return _is_address(host) and ipaddress.ip_address(host).is_loopback


def _trust(ca_file: str | None) -> ssl.SSLContext:
    # A bare context, not ssl.create_default_context: that one writes session keys to the file
    # that SSLKEYLOGFILE names. The verification of certificate and host name is its default.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is None:
        _load_system_anchors(context)
    else:
        _load_anchors(context, ca_file)
    return context


def _load_anchors(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except (OSError, ValueError):
        raise ConfigurationError(
            f"The CA file {ca_file!r} can't be read as a PEM bundle of certificates: check its "
            "path, its mode and its content"
        ) from None


def _load_system_anchors(context: ssl.SSLContext) -> None:
    # The places that OpenSSL was built with, never those that SSL_CERT_FILE or SSL_CERT_DIR name:
    # whoever sets a variable could put another gateway in place of the real one.
    places = ssl.get_default_verify_paths()
    bundle, folder = Path(places.openssl_cafile), Path(places.openssl_capath)
    has_folder = folder.is_dir() and any(folder.iterdir())
    if not bundle.is_file() and not has_folder:
        raise ConfigurationError(
            f"This system has no trusted certificates where its OpenSSL looks for them ({bundle}, "
            f"{folder}): install them (the package ca-certificates) or give a PEM bundle as ca_file"
        )
    if bundle.is_file():
        _load_anchors(context, str(bundle))
    if has_folder:
        context.load_verify_locations(capath=str(folder))
