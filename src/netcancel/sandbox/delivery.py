"""How an answer travels: bytes, the pauses between them, and how the connection ends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

JSON_TYPE: Final = "application/json; charset=utf-8"
REASONS: Final = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))

Headers = tuple[tuple[str, str], ...]


class Ending(StrEnum):
    """What happens to the connection when all bytes are out."""

    KEEP = "keep"
    CLOSE = "close"
    RESET = "reset"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Delivery:
    """The bytes of an answer; `pause_seconds` passes before each piece."""

    pieces: tuple[bytes, ...]
    ending: Ending
    pause_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer before it is encoded; `body` holds the wire fields."""

    body: Mapping[str, object] = field(repr=False)
    status: int = 200
    headers: Headers = ()


def to_json(body: Mapping[str, object]) -> bytes:
    """Encode as compact UTF-8 JSON."""
    return _ENCODER.encode(body).encode()


def head(status: int, headers: Headers) -> bytes:
    """Encode the status line and the headers, with the empty line."""
    lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'Answer')}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def encode(
    body: bytes,
    *,
    status: int = 200,
    content_type: str = JSON_TYPE,
    more: Headers = (),
    keep_alive: bool = False,
) -> bytes:
    """Encode one well-formed answer with its length."""
    headers = (
        ("Content-Type", content_type),
        ("Content-Length", str(len(body))),
        ("Connection", "keep-alive" if keep_alive else "close"),
        *more,
    )
    return head(status, headers) + body


def plain(answer: Answer, *, keep_alive: bool = False) -> Delivery:
    """Deliver an answer as it should be."""
    whole = encode(
        to_json(answer.body), status=answer.status, more=answer.headers, keep_alive=keep_alive
    )
    return Delivery((whole,), Ending.KEEP if keep_alive else Ending.CLOSE)
