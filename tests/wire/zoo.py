"""Answers of all kinds, and what the wire must make of each."""

from __future__ import annotations

import gzip
from dataclasses import dataclass, field
from typing import Literal

from netcancel.kicc.raw import Break, Reach

OK = b'{"respCd":"0000","mercTrxNo":"A1","trxAmt":10000}'
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"

Ending = Literal["wait", "close", "reset"]


@dataclass(frozen=True)
class Whole:
    """Expected: a whole answer with this status and body."""

    status: int = 200
    body: bytes = OK


@dataclass(frozen=True)
class Broken:
    """Expected: no whole answer."""

    reach: Reach
    why: Break


Expected = Whole | Broken
GARBLED = Broken(Reach.ANSWER_BEGUN, Break.UNINTELLIGIBLE)
CUT = Broken(Reach.ANSWER_BEGUN, Break.CONNECTION)
NOTHING = Broken(Reach.SENT, Break.CONNECTION)


@dataclass(frozen=True)
class Case:
    """An answer: its bytes, and what the gateway does after them."""

    name: str
    expected: Expected
    answer: bytes = field(repr=False)
    ending: Ending = "wait"


def sized(body: bytes = OK, extra: bytes = b"", head: bytes = JSON) -> bytes:
    """Return an answer with a Content-Length."""
    return head + extra + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n", extra: bytes = b"") -> bytes:
    """Return an answer in chunks."""
    coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return JSON + extra + b"Transfer-Encoding: chunked\r\n\r\n" + coded + end


def coded(body: bytes) -> bytes:
    """Return an answer that says it is chunked, with exactly this body."""
    return raw(b"Transfer-Encoding: chunked", body=body)


def status(line: bytes) -> bytes:
    """Return a whole answer with this status."""
    return sized(head=b"HTTP/1.1 " + line + b"\r\n")


def raw(*head_lines: bytes, body: bytes = OK) -> bytes:
    """Return an answer with exactly these header lines."""
    return JSON + b"".join(line + b"\r\n" for line in head_lines) + b"\r\n" + body


LENGTH = b"Content-Length: %d" % len(OK)
HALF = len(OK) // 2
CODES = (
    b"201 202 203 205 206 300 301 302 303 307 308 400 401 403 404 405 413 415 429 500 502 503 504"
).split()
HTML = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"
GZIPPED = gzip.compress(OK * 50)
INFORMATIONAL = b"HTTP/1.1 102 Processing\r\n\r\n"
EARLY_HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
ELSEWHERE = (
    b'Set-Cookie: a=b\r\nAlt-Svc: h2="127.0.0.1:1"\r\nStrict-Transport-Security: max-age=1\r\n'
)

WHOLE = [
    Case("with a length", Whole(), sized()),
    Case("in one chunk", Whole(), chunked(OK)),
    Case("in many chunks", Whole(), chunked(*(OK[i : i + 7] for i in range(0, len(OK), 7)))),
    Case("chunk sizes with extensions", Whole(), coded(b"31;a=b\r\n" + OK + b"\r\n0\r\n\r\n")),
    Case("chunks and a trailer", Whole(), chunked(OK, end=b"0\r\nX-Sum: 1\r\n\r\n")),
    Case("closed after its end", Whole(), sized(), "close"),
    Case("HTTP/1.0 with a length", Whole(), sized(head=b"HTTP/1.0 200 OK\r\n")),
    Case("no reason phrase", Whole(), sized(head=b"HTTP/1.1 200\r\n")),
    Case("100 before it", Whole(), b"HTTP/1.1 100 Continue\r\n\r\n" + sized()),
    Case("103 before it", Whole(), EARLY_HINTS + sized()),
    Case("eight 102 before it", Whole(), INFORMATIONAL * 8 + sized()),
    Case("a second answer behind it", Whole(), sized() + sized(b'{"respCd":"9999"}')),
    Case("a length that cuts the JSON", Whole(body=OK[:HALF]), raw(b"Content-Length: %d" % HALF)),
    Case("an empty body", Whole(body=b""), sized(b"")),
    Case(
        "compressed is handed on as it is",
        Whole(body=GZIPPED),
        sized(GZIPPED, b"Content-Encoding: gzip\r\n"),
    ),
    Case("a body at the limit", Whole(body=b" " * 65_536), sized(b" " * 65_536)),
    Case("64 header lines", Whole(), sized(extra=b"X: a\r\n" * 62)),
    Case("204 without a body", Whole(204, b""), b"HTTP/1.1 204 No Content\r\n\r\n"),
    Case("304 without a body", Whole(304, b""), b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    Case("204 with a body", Whole(204, b""), sized(head=b"HTTP/1.1 204 No Content\r\n")),
    Case("304 with a body", Whole(304, b""), sized(head=b"HTTP/1.1 304 Not Modified\r\n")),
    Case("cookies, and services elsewhere", Whole(), sized(extra=ELSEWHERE)),
    Case("a date of 1970", Whole(), sized(extra=b"Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n")),
    Case("HTML", Whole(body=b"<html>"), sized(b"<html>", head=HTML)),
    *(Case(f"status {line.decode()}", Whole(int(line)), status(line)) for line in CODES),
]

UNINTELLIGIBLE = [
    Case("ended by the connection only", GARBLED, JSON + b"\r\n" + OK, "close"),
    Case("ended by the connection, half", GARBLED, JSON + b"\r\n" + OK[:HALF], "close"),
    Case("HTTP/1.0, ended by the connection", GARBLED, b"HTTP/1.0 200 OK\r\n\r\n" + OK, "close"),
    Case("length and chunks", GARBLED, chunked(OK, extra=b"Content-Length: 5\r\n")),
    Case("length and chunks, the right length", GARBLED, chunked(OK, extra=LENGTH + b"\r\n")),
    Case("two lengths", GARBLED, raw(b"Content-Length: 5", LENGTH)),
    Case("two equal lengths", GARBLED, raw(LENGTH, LENGTH.lower())),
    Case("two equal lengths in one line", GARBLED, raw(LENGTH + b", %d" % len(OK))),
    Case("a negative length", GARBLED, raw(b"Content-Length: -1")),
    Case("a length with a sign", GARBLED, raw(b"Content-Length: +%d" % len(OK))),
    Case("a length that is no number", GARBLED, raw(b"Content-Length: many")),
    Case("an empty length", GARBLED, raw(b"Content-Length:")),
    Case("a length over the limit", GARBLED, raw(b"Content-Length: 65537", body=b"")),
    Case("a length of thirty digits", GARBLED, raw(b"Content-Length: " + b"9" * 30, body=b"")),
    Case("gzip as the transfer coding", GARBLED, raw(b"Transfer-Encoding: gzip, chunked")),
    Case("chunks in HTTP/1.0", GARBLED, chunked(OK).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    Case("a chunk size that is no number", GARBLED, coded(b"zz\r\n" + OK)),
    Case("a negative chunk size", GARBLED, coded(b"-5\r\n" + OK)),
    Case("a chunk without its end", GARBLED, coded(b"5\r\nabcdefg\r\n0\r\n\r\n")),
    Case("a chunk over the limit", GARBLED, chunked(b" " * 65_537)),
    Case("chunks over the limit", GARBLED, chunked(*[b" " * 30_000] * 3)),
    Case("a trailer of a megabyte", GARBLED, chunked(OK, end=b"0\r\nX: " + b"a" * 1_000_000)),
    Case("chunk extensions of a megabyte", GARBLED, coded(b"1;" + b"a" * 1_000_000)),
    Case(
        "more extensions than body",
        GARBLED,
        coded((b"1;%s\r\na\r\n" % (b"x" * 100)) * 5_000 + b"0\r\n\r\n"),
    ),
    Case("101", GARBLED, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n" + sized()),
    Case("nine 102 before it", GARBLED, INFORMATIONAL * 9 + sized()),
    Case("a thousand 102 before it", GARBLED, INFORMATIONAL * 1000 + sized()),
    Case(
        "headers over the limit by one 103",
        GARBLED,
        b"HTTP/1.1 103 X\r\nA: " + b"a" * 16_384 + b"\r\n\r\n" + sized(),
    ),
    Case("a header of a megabyte", GARBLED, sized(extra=b"X: " + b"a" * 1_000_000 + b"\r\n")),
    Case("ten thousand headers", GARBLED, sized(extra=b"X: a\r\n" * 10_000)),
    Case("65 header lines", GARBLED, sized(extra=b"X: a\r\n" * 63)),
    Case("NUL in a header", GARBLED, sized(extra=b"X: a\0b\r\n")),
    Case("a folded header", GARBLED, sized(extra=b"X: a\r\n  b\r\n")),
    Case("a space before the colon", GARBLED, sized(extra=b"X : a\r\n")),
    Case("no status line", GARBLED, OK),
    Case("four digits of status", GARBLED, b"HTTP/1.1 2000 OK\r\n\r\n" + OK),
    Case("status 99", GARBLED, sized(head=b"HTTP/1.1 099 X\r\n")),
    Case("HTTP/2 preface", GARBLED, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Case("HTTP/2.0 in the status line", GARBLED, sized(head=b"HTTP/2.0 200 OK\r\n")),
    Case("HTTP/1.7 in the status line", GARBLED, sized(head=b"HTTP/1.7 200 OK\r\n")),
    Case("another protocol", GARBLED, b"ICY 200 OK\r\n\r\n"),
    Case("a TLS alert", GARBLED, b"\x15\x03\x01\x00\x02\x02\x28"),
    Case("an empty line first", GARBLED, b"\r\n" + sized()),
    Case("garbage behind a 100", GARBLED, b"HTTP/1.1 100 Continue\r\n\r\n" + OK),
]

BROKEN_OFF = [
    Case("closed without a byte", NOTHING, b"", "close"),
    Case("reset without a byte", NOTHING, b"", "reset"),
    Case("the status line cut", CUT, JSON[:10], "close"),
    Case("closed after the headers", CUT, JSON + LENGTH + b"\r\n\r\n", "close"),
    Case("the body cut", CUT, raw(b"Content-Length: %d" % (len(OK) + 100)), "close"),
    Case("reset in the headers", CUT, JSON, "reset"),
    Case("reset in the body", CUT, JSON + LENGTH + b"\r\n\r\n" + OK[:HALF], "reset"),
    Case("a chunk of a gigabyte, cut", CUT, coded(b"40000000\r\n" + OK), "close"),
    Case("the last chunk missing", CUT, chunked(OK, end=b""), "close"),
    Case("the last line missing", CUT, chunked(OK, end=b"0\r\n"), "close"),
    Case("closed after a 100", CUT, b"HTTP/1.1 100 Continue\r\n\r\n", "close"),
]

CASES = WHOLE + UNINTELLIGIBLE + BROKEN_OFF
