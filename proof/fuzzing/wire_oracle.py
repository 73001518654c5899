"""What the bytes of an HTTP answer prove, read a second time, without h11 and without `wire`.

Two readers stand on either side of the product's. The generous one takes apart whatever could be an
answer, by nothing but splitting: what the product takes for whole must be what it finds. The narrow
one is a pattern for answers of the plainest form: those the product must take.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

HEAD: Final = re.compile(rb"\AHTTP/1\.[01] ([0-9]{3})[^\n]*\n((?:[^\r\n][^\n]*\n)*)\r?\n")
CHUNK: Final = re.compile(rb"\A([0-9A-Fa-f]{1,20})[^\n]*\n")
PLAIN: Final = re.compile(
    rb"\AHTTP/1\.1 [2-5][0-9]{2} [A-Za-z ]{1,30}\r\n"
    rb"((?:(?!(?i:content-length|transfer-encoding):)"
    rb"[A-Za-z][A-Za-z-]{0,30}: [!-~]{1,200}\r\n){0,20})"
    rb"Content-Length: (0|[1-9][0-9]{0,4})\r\n\r\n",
)
WITHOUT_BODY: Final = frozenset({204, 304})
BODY_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class Found:
    """A whole answer."""

    status: int
    is_coded: bool
    body: bytes


def generous(answer: bytes) -> Found | None:
    """Find the final answer in what came; None: there is none that is whole."""
    while (head := HEAD.match(answer)) is not None:
        status, rest = int(head[1]), answer[head.end() :]
        if status // 100 != 1:
            body = _body(status, _lines(head[2]), rest)
            coded = any(
                name == b"content-encoding" and value.lower() not in (b"", b"identity")
                for name, value in _lines(head[2])
            )
            return None if body is None else Found(status, coded, body)
        answer = rest
    return None


def is_plain(answer: bytes) -> bool:
    """Tell whether this is one whole answer in the plainest form, and within all limits."""
    head = PLAIN.match(answer)
    if head is None or int(answer[9:12]) in WITHOUT_BODY:
        return False
    length = int(head[2])
    return length <= BODY_BYTES and len(answer) == head.end() + length


def _lines(block: bytes) -> list[tuple[bytes, bytes]]:
    parts = [line.partition(b":") for line in block.split(b"\n") if line]
    return [(name.strip().lower(), value.strip()) for name, _, value in parts]


def _body(status: int, lines: list[tuple[bytes, bytes]], rest: bytes) -> bytes | None:
    if status in WITHOUT_BODY:
        return b""
    lengths = [value for name, value in lines if name == b"content-length"]
    codings = [value.lower() for name, value in lines if name == b"transfer-encoding"]
    if codings == [b"chunked"] and not lengths:
        return _dechunked(rest)
    if codings or len(lengths) != 1 or not re.fullmatch(rb"[0-9]{1,20}", lengths[0]):
        return None
    length = int(lengths[0])
    return rest[:length] if len(rest) >= length else None


def _dechunked(rest: bytes) -> bytes | None:
    body = b""
    while (line := CHUNK.match(rest)) is not None:
        size, rest = int(line[1], 16), rest[line.end() :]
        if size == 0:
            # Behind the last chunk: trailers, and an empty line.
            return body if re.match(rb"\A(?:[^\r\n][^\n]*\n)*\r?\n", rest) else None
        if rest[size : size + 2] != b"\r\n":
            return None
        body, rest = body + rest[:size], rest[size + 2 :]
    return None
