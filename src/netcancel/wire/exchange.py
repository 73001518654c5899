"""One request and its answer as bytes: h11, our limits and strict framing; no socket, no clock.

An answer counts only if it says itself where it ends: by one Content-Length, or by a chunked
coding with its last chunk. Whatever differs is refused, never repaired: a body that was cut may
still be valid JSON, and what a proxy and we read differently may be somebody else's answer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, NamedTuple

import h11

from netcancel.kicc.raw import Break, RawAnswer
from netcancel.kicc.strict_json import BODY_BYTES_MAX

if TYPE_CHECKING:
    from netcancel.wire.gateway import Gateway

HEAD_BYTES_MAX = 16 * 1024
"""Status lines and headers, also of informational answers; real gateways need below 1 KiB."""
HEADERS_MAX = 64
"""Header lines of one head; real gateways and their balancers send about twenty."""
INFORMATIONAL_MAX = 8
"""1xx answers before the final one; one or two are usual, a flood is an attack or a fault."""
RECEIVED_BYTES_MAX = HEAD_BYTES_MAX + 4 * BODY_BYTES_MAX
"""Everything that is read: bounds what tiny chunks, chunk extensions and trailers add to a body."""

_VERSION_START = b"HTTP/1."
_VERSIONS = (b"1.0", b"1.1")
_WITHOUT_BODY = (204, 304)
_FOLDED = re.compile(rb"\n[ \t]")
_LENGTH_LINES = re.compile(rb"(?im)^content-length:[ \t]*([^\r\n]*?)[ \t]*\r?$")

_TARGET = re.compile(r"/[!-~]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_CONTENT_TYPE = "Content-Type: application/json; charset=utf-8"
_LASTING = h11.Request(method="POST", target="/", headers=[("Host", "gateway")])
_SINGLE = h11.Request(
    method="POST", target="/", headers=[("Host", "gateway"), ("Connection", "close")]
)
_OURS = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
    }
)


@dataclass(frozen=True, slots=True)
class Request:
    """One POST: the path as it was signed, the caller's headers, the very bytes of the body.

    Content-Type is the manual's unless the headers give one. Raises ValueError, without the
    value, for a target or header that HTTP or this wire doesn't allow: a bug of the caller.
    """

    path: str
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not _TARGET.fullmatch(self.path):
            raise ValueError("a request's path starts with / and is printable ASCII")
        for name, value in self.headers:
            if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
                raise ValueError("a header has a name or a value that HTTP doesn't allow")
            if name.lower() in _OURS:
                raise ValueError("a header that the wire sets itself was given by the caller")


class Fault(NamedTuple):
    """Why the bytes that came are no answer."""

    why: Break
    detail: str


class Exchange:
    """One request and what comes back for it, fed piece by piece."""

    def __init__(self, request: Request, *, gateway: Gateway, keep_alive: bool) -> None:
        # h11's own limit depends on how the bytes were cut into pieces, ours don't.
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=2 * RECEIVED_BYTES_MAX)
        self._head = bytearray()
        self._head_bytes = 0
        self._informational = 0
        self._final: h11.Response | None = None
        self._body = bytearray()
        self.received = 0
        """Bytes of an answer that were read."""
        self.outgoing = _encode(request, gateway, keep_alive=keep_alive)
        """The request as it goes onto the wire."""
        # Told the outline of what we send, h11 knows how to read what comes back.
        self._http.send(_LASTING if keep_alive else _SINGLE)
        if keep_alive:
            self._http.send(h11.EndOfMessage())  # of no use to a connection that has no next one

    @property
    def reusable(self) -> bool:
        """Whether both sides are done, mean to go on, and nothing came after the answer."""
        done = self._http.our_state is h11.DONE and self._http.their_state is h11.DONE
        return done and not self._http.trailing_data[0]

    def receive(self, data: bytes) -> RawAnswer | Fault | None:
        """Take the next bytes (none: the other side closed); None asks for more."""
        if not data:
            what = "before it answered" if not self.received else "in the middle of its answer"
            return Fault(Break.CONNECTION, f"the gateway closed the connection {what}")
        self.received += len(data)
        if self._final is None:
            self._head += data
            if not may_be_http(self._head):
                return _unintelligible("what came back is not HTTP/1")
        self._http.receive_data(data)
        try:
            return self._read_events()
        except h11.RemoteProtocolError:
            # h11's own words may quote the answer.
            return _unintelligible("what came back breaks the rules of HTTP/1.1")

    def _read_events(self) -> RawAnswer | Fault | None:
        while True:
            event = self._http.next_event()
            fault: Fault | None = None
            if event is h11.NEED_DATA:
                return self._over_limit()
            if isinstance(event, h11.InformationalResponse | h11.Response):
                fault = self._read_head(event)
            elif isinstance(event, h11.Data):
                fault = self._read_body(event)
            elif isinstance(event, h11.EndOfMessage):
                return self._answer()
            if fault:
                return fault

    def _over_limit(self) -> Fault | None:
        if self._final is None and self._head_bytes + len(self._head) > HEAD_BYTES_MAX:
            return _unintelligible("the answer's headers are over the limit")
        if self.received > RECEIVED_BYTES_MAX:
            return _unintelligible("the answer is over the limit")
        return None

    def _read_head(self, event: h11.InformationalResponse | h11.Response) -> Fault | None:
        size = len(self._head) - len(self._http.trailing_data[0])
        head = bytes(self._head[:size])
        del self._head[:size]
        self._head_bytes += size
        if self._head_bytes > HEAD_BYTES_MAX:
            return _unintelligible("the answer's headers are over the limit")
        if not is_agreed_head(event, head):
            return _unintelligible("the answer's headers are not HTTP/1.1 as agreed")
        if isinstance(event, h11.Response):
            self._final = event
            self._head.clear()
            return _check_framing(event, head)
        self._informational += 1
        if self._informational > INFORMATIONAL_MAX:
            return _unintelligible("too many informational answers came before the final one")
        if not may_be_http(self._head):
            return _unintelligible("what came back is not HTTP/1")
        return None

    def _read_body(self, event: h11.Data) -> Fault | None:
        self._body += event.data
        if len(self._body) > BODY_BYTES_MAX:
            return _unintelligible("the answer's body is over the limit")
        return None

    def _answer(self) -> RawAnswer | Fault:
        if self._final is None:
            raise AssertionError("h11 ended a message that never began")
        headers = tuple((bytes(name), bytes(value)) for name, value in self._final.headers)
        return RawAnswer(self._final.status_code, headers, bytes(self._body))


def may_be_http(head: bytes | bytearray) -> bool:
    """Tell whether these first bytes of an answer can be the beginning of HTTP/1."""
    return _VERSION_START.startswith(bytes(head[: len(_VERSION_START)]))


def is_agreed_head(event: h11.InformationalResponse | h11.Response, head: bytes) -> bool:
    """Tell whether an answer's headers are HTTP/1, no more than the limit and none of them folded.

    `head` is the event as it came, which h11 has already taken as HTTP.
    """
    is_small = len(event.headers) <= HEADERS_MAX
    return is_small and event.http_version in _VERSIONS and not _FOLDED.search(head)


def _encode(request: Request, gateway: Gateway, *, keep_alive: bool) -> bytes:
    # Written here and not by h11, which would check again, at a fifth of the whole exchange's
    # cost, what Request has checked.
    lines = [
        f"POST {gateway.target(request.path)} HTTP/1.1",
        f"Host: {gateway.authority}",
        f"User-Agent: {user_agent()}",
        "Accept: application/json",
        "Accept-Encoding: identity",
    ]
    if not keep_alive:
        lines.append("Connection: close")
    if not any(name.lower() == "content-type" for name, _ in request.headers):
        lines.append(_CONTENT_TYPE)
    lines += [f"{name}: {value}" for name, value in request.headers]
    lines += [f"Content-Length: {len(request.body)}", "", ""]
    return "\r\n".join(lines).encode("ascii") + request.body


def _check_framing(event: h11.Response, head: bytes) -> Fault | None:
    lengths = _LENGTH_LINES.findall(head)
    chunked = any(name == b"transfer-encoding" for name, _ in event.headers)
    if chunked and (lengths or event.http_version != b"1.1"):
        return _unintelligible("the answer says in two ways where it ends")
    if len(lengths) > 1 or (lengths and not lengths[0].isdigit()):
        return _unintelligible("the answer gives its length more than once")
    if not lengths and not chunked and event.status_code not in _WITHOUT_BODY:
        return _unintelligible("the answer doesn't say where it ends")
    if lengths and int(lengths[0]) > BODY_BYTES_MAX:
        return _unintelligible("the answer's body is over the limit")
    return None


def _unintelligible(detail: str) -> Fault:
    return Fault(Break.UNINTELLIGIBLE, detail)


@cache
def user_agent() -> str:
    """Return the value of the header User-Agent."""
    try:
        return f"netcancel/{version('netcancel')}"
    except PackageNotFoundError:
        return "netcancel"
