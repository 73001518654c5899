"""URLs, host names and IP addresses, read strictly: for the gateway and for a proxy alike.

No refusal repeats what was given: a URL may hold a password.
"""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from urllib.parse import SplitResult, urlsplit

from netcancel.errors import ConfigurationError

_PORT_MAX = 65_535
_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)*"
                   r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")  # fmt: skip
_NUMERIC_NAME = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")

# "localhost" is never looked up: a resolver that answers it with another machine's address would
# carry plain http off this host (RFC 6761, 6.3).
_LOCALHOST = ("127.0.0.1", "::1")


def split(url: str, whose: str, example: str) -> SplitResult:
    """Take a URL apart; `whose` ("The gateway's") and an example are for the refusal."""
    # urlsplit silently drops tabs and line ends, so odd characters are refused before it.
    if not url or not url.isprintable() or any(c in url for c in ' \\"<>^`{|}'):
        raise ConfigurationError(
            f"{whose} URL is empty or has spaces or odd characters in it: write it like {example}"
        )
    parts = _parts(url)
    if parts is None:
        raise ConfigurationError(f"{whose} URL can't be read: write it like {example}")
    if "?" in url or "#" in url:
        raise ConfigurationError(f"{whose} URL has a query or a fragment: remove it")
    return parts


def _parts(url: str) -> SplitResult | None:
    # The refusal is raised elsewhere: a ValueError in its context could quote the URL.
    try:
        return urlsplit(url)
    except ValueError:
        return None


def host_of(parts: SplitResult, whose: str) -> str:
    """Return the host in lower case, as ASCII, an IPv6 address without its brackets."""
    host = parts.hostname or ""
    if is_address(host):
        return str(ipaddress.ip_address(host))
    try:
        name = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        name = ""
    place = parts.netloc.rpartition("@")[2]
    # A name that ends in a number is read as an address by some resolvers (127.1, 0x7f000001).
    if "[" in place or not _NAME.fullmatch(name) or _NUMERIC_NAME.fullmatch(name):
        raise ConfigurationError(
            f"{whose} host is neither a host name nor an IP address: check its spelling "
            "(no dot at its end, IPv6 in brackets, IPv4 as four decimal numbers)"
        )
    return name


def port_of(parts: SplitResult, whose: str, default: int | None) -> int:
    """Return the port; `default` None: it must be written out."""
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0 or parts.netloc.endswith(":") or (port is None and default is None):
        absent = ", or left out with its colon" if default is not None else ", written out"
        raise ConfigurationError(f"{whose} port must be a number from 1 to {_PORT_MAX}{absent}")
    return port or default or 0


@cache
def literal_addresses(host: str) -> tuple[str, ...]:
    """Return the IP addresses that need no look-up, or nothing where the host is a name."""
    if host == "localhost":
        return _LOCALHOST
    return (host,) if is_address(host) else ()


def is_address(host: str) -> bool:
    """Tell whether this is an IP address; one with a zone is none."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return getattr(address, "scope_id", None) is None


def is_loopback(host: str) -> bool:
    """Tell whether a host is this one, whatever a resolver says."""
    if host == "localhost":
        return True
    return is_address(host) and ipaddress.ip_address(host).is_loopback


def bracketed(host: str) -> str:
    """Return the host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
