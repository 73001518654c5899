"""The question to a proxy for a tunnel, and its answer, as bytes; no socket, no clock.

Only a plain 200 opens the tunnel. Nothing of the request to the gateway is part of the question,
so whatever goes wrong here, not one byte of it has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import h11

from netcancel.wire.exchange import HEAD_BYTES_MAX, is_agreed_head, may_be_http, user_agent

if TYPE_CHECKING:
    from netcancel.wire.proxy import Proxy

_OPEN = 200
_WANTS_CREDENTIALS = 407


class Tunnel:
    """One CONNECT and what the proxy says to it, fed piece by piece."""

    def __init__(self, proxy: Proxy, endpoint: str) -> None:
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=8 * HEAD_BYTES_MAX)
        self._head = bytearray()
        self.outgoing = _encode(proxy, endpoint)
        """The question as it goes onto the wire."""
        self.is_open = False
        """Whether what follows on the connection is between us and the gateway."""
        self._http.send(h11.Request(method="CONNECT", target=endpoint, headers=[("Host", "x")]))
        self._http.send(h11.EndOfMessage())

    def receive(self, data: bytes) -> str | None:
        """Take the next bytes (none: the proxy closed); returns why there will be no tunnel."""
        if not data:
            return "the proxy closed the connection before it opened a tunnel"
        self._head += data
        if not may_be_http(self._head):
            return "what the proxy answered is not HTTP/1"
        self._http.receive_data(data)
        try:
            event = self._http.next_event()
        except h11.RemoteProtocolError:
            return "what the proxy answered breaks the rules of HTTP/1.1"
        if isinstance(event, h11.InformationalResponse | h11.Response):
            return self._read_head(event)
        return self._over_limit(len(self._head))

    def _read_head(self, event: h11.InformationalResponse | h11.Response) -> str | None:
        behind = len(self._http.trailing_data[0])
        size = len(self._head) - behind
        if (refusal := self._over_limit(size)) is not None:
            return refusal
        if not is_agreed_head(event, bytes(self._head[:size])):
            return "the headers of the proxy's answer are not HTTP/1.1 as agreed"
        if event.status_code == _WANTS_CREDENTIALS:
            return "the proxy refused the tunnel with status 407: it wants other credentials"
        if event.status_code != _OPEN:
            return f"the proxy refused the tunnel with status {event.status_code}"
        if behind:
            # The gateway speaks only when it is spoken to: these bytes are not the gateway's.
            return "the proxy sent more than its answer"
        self.is_open = True
        return None

    def _over_limit(self, size: int) -> str | None:
        return "the proxy's answer is over the limit" if size > HEAD_BYTES_MAX else None


def _encode(proxy: Proxy, endpoint: str) -> bytes:
    lines = [f"CONNECT {endpoint} HTTP/1.1", f"Host: {endpoint}", f"User-Agent: {user_agent()}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")
