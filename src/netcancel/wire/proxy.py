"""An HTTP proxy that opens a tunnel to the gateway: where it is, and who we are there."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote

from netcancel.errors import ConfigurationError
from netcancel.wire import addresses

if TYPE_CHECKING:
    from urllib.parse import SplitResult

_WHOSE = "The proxy's"
_EXAMPLE = "http://proxy.example:3128"
_NO_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy's address; made by `Proxy.parse`."""

    host: str
    port: int
    authorization: str | None = field(repr=False)
    """The value of the header Proxy-Authorization."""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read `http://[user:password@]host:port`; odd characters of user and password as %XX.

        Raises ConfigurationError with a sentence that says what to do, without the URL.
        """
        parts = addresses.split(url, _WHOSE, _EXAMPLE)
        if parts.scheme != "http" or not parts.netloc:
            raise ConfigurationError(
                "The proxy's URL must start with http:// and a host: proxies are spoken to in "
                "plain HTTP, and TLS to the gateway is made inside the tunnel"
            )
        if parts.path not in ("", "/"):
            raise ConfigurationError(
                f"The proxy's URL has a path: write it like {_EXAMPLE} (a / in a password is %2F)"
            )
        host = addresses.host_of(parts, _WHOSE)
        return cls(host, addresses.port_of(parts, _WHOSE, None), _authorization(parts))

    @property
    def literal_addresses(self) -> tuple[str, ...]:
        """Return the IP addresses that need no look-up, or nothing where the host is a name."""
        return addresses.literal_addresses(self.host)


def _authorization(parts: SplitResult) -> str | None:
    given, separator, _ = parts.netloc.rpartition("@")
    if not separator:
        return None
    name, _, secret = given.partition(":")
    user, password = _decoded(name), _decoded(secret)
    if not user or ":" in user or password is None:
        raise ConfigurationError(
            "The proxy's user name or password can't be used: the name must not be empty and has "
            "no colon, odd characters are written as %XX of their UTF-8 (% itself as %25)"
        )
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode("ascii")


def _decoded(text: str) -> str | None:
    """Undo the escapes; None where they are wrong or hide what isn't printable."""
    if "@" in text or _NO_ESCAPE.search(text):
        return None
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        return None
    return decoded if decoded.isprintable() else None
