"""Answers by the rules of their grammar, and what breaks these rules one at a time.

Everything is drawn from the generator that is handed in: the same seed, the same bytes.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Final

from proof.fuzzing.oracle import DECLINES, OURS, Ours

if TYPE_CHECKING:
    from random import Random

Members = list[tuple[str, str]]
"""A body's members in their order: name and value, both as they are written; a name may return."""

CODES: Final = (*["0000"] * 14, *sorted(DECLINES), "9999", "7001", "7002", "8317", "E001")
"""Codes of answers before they are changed: every other one is success."""

ODD_VALUES: Final = (
    *("0", "0.0", "0000", "1", "-1", "10000", "10000.0", "1e4", "-0", "1e400", "9" * 641),
    *("true", "false", "null", "NaN", "-Infinity", "[]", "{}", '["0000"]', '{"a":1,"a":1}'),
    *('""', '"0"', '"000"', '"00000"', '" 0000"', '"0000 "', '"0000\\u0000"', '"\\u0030000"'),
    *('"é000"', '"\uff10\uff10\uff10\uff10"', '"\\ud800"', '"\\n\\t"', '"a\nb"', '"\\x"', "'0'"),
    *('"8521"', '"10000"', '"OTHER"', "9" * 640, '"' + "가" * 300 + '"'),
    *("[" * 15 + "]" * 15, "[" * 16 + "]" * 16, "[" * 200),
)

ODD_LINES: Final = (
    b"Content-Encoding: gzip",
    b"Content-Encoding: identity",
    b"content-encoding:",
    b"Content-Type: text/html",
    b"Content-Length: 5",
    b"Content-Length: -1",
    b"Content-Length: +7",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip, chunked",
    b"Connection: keep-alive",
    b"Set-Cookie: a=b",
    b"Location: http://127.0.0.1:9/",
    b"Folded: a\r\n b",
    b"Nul: a\0b",
    b"Space : a",
    b"Bytes: \xff\xfe",
    b"Long: " + b"a" * 17_000,
    b"no colon",
    b"",
)

STATUS_LINES: Final = (
    *(b"HTTP/1.1 %d X" % code for code in (101, 201, 204, 206, 301, 307, 400, 401, 404, 429)),
    *(b"HTTP/1.1 %d X" % code for code in (500, 502, 503, 504)),
    *(b"HTTP/1.0 200 OK", b"HTTP/1.1 200", b"HTTP/1.7 200 OK", b"HTTP/2.0 200 OK", b"ICY 200 OK"),
    *(b"HTTP/1.1 2000 OK", b"HTTP/1.1 020 OK", b" HTTP/1.1 200 OK", b"200 OK"),
)

INFORMATIONAL: Final = b"HTTP/1.1 102 Processing\r\n\r\n"


def members(ours: Ours = OURS, code: str = "0000") -> Members:
    """Return the documented answer's members."""
    said = {
        "respCd": code,
        "respMsg": "Success",
        "tid": ours.tid,
        "svcId": ours.svc_id,
        "bizrNo": ours.bizr_no,
        "mercTrxNo": ours.merc_trx_no,
        "trxAmt": ours.trx_amt,
        "aprvNo": "12345678",
        "aprvDt": "20231225",
        "vanTrxNo": van_number(ours.merc_trx_no),
        "cardConfirmNo": "1234-56**-****-1234",
    }
    return [(json.dumps(name), json.dumps(value)) for name, value in said.items()]


def van_number(merc_trx_no: str) -> str:
    """Return the number under which our gateways keep a charge."""
    return f"V{merc_trx_no}"[:20]


def members_of(body: bytes) -> Members | None:
    """Take a body apart into members; None: it isn't an object."""
    try:
        pairs = json.loads(body, object_pairs_hook=list)
    except (ValueError, RecursionError):
        return None
    if not isinstance(pairs, list) or not all(isinstance(each, tuple) for each in pairs):
        return None
    # What is nested comes back as lists; that is change enough for a fuzzer.
    return [(json.dumps(name), json.dumps(value)) for name, value in pairs]


def written(parts: Members) -> bytes:
    """Write members as a body."""
    text = "{" + ",".join(f"{name}:{value}" for name, value in parts) + "}"
    return text.encode("utf-8", "surrogatepass")


def changed(draw: Random, parts: Members) -> Members:
    """Change the members in one way."""
    parts = list(parts)
    place = draw.randrange(len(parts)) if parts else 0
    match draw.randrange(6):
        case 0 if parts:
            del parts[place]
        case 1 if parts:
            parts.insert(place, parts[place])
        case 2 if parts:
            parts[place] = (parts[place][0], draw.choice(ODD_VALUES))
        case 3 if parts:
            parts[place] = (parts[place][0].swapcase(), parts[place][1])
        case 4:
            draw.shuffle(parts)
        case _:
            name = draw.choice(("x", "respCd", "trxAmt", "mercTrxNo", "tid", "\ud800"))
            parts.insert(place, (json.dumps(name), draw.choice(ODD_VALUES)))
    return parts


def wrapped(draw: Random, body: bytes) -> bytes:
    """Change a body as a whole: what stands around it, or its encoding."""
    codec = draw.choice(("utf-16", "utf-16-le", "utf-32", "cp949"))
    return draw.choice(
        (
            b"\xef\xbb\xbf" + body,
            body + draw.choice((b" ", b"\0", b"ok", b"{}", body, b"\r\n")),
            draw.choice((b" ", b"\n", b"\f", b")]}'", b"[")) + body,
            body.decode("utf-8", "replace").encode(codec, "replace"),
            gzip.compress(body, mtime=0),
            body.ljust(draw.choice((65_536, 65_537, 70_000))),
            damaged(draw, body),
            damaged(draw, body),
        )
    )


def damaged(draw: Random, data: bytes) -> bytes:
    """Change some bytes: cut, overwritten, taken out, doubled, or spliced with others."""
    start, end = sorted((draw.randint(0, len(data)), draw.randint(0, len(data))))
    match draw.randrange(6):
        case 0:
            return data[:end]
        case 1:
            return data[start:]
        case 2:
            return data[:start] + data[end:]
        case 3:
            return data[:end] + data[start:end] + data[end:]
        case 4:
            return data[:start] + draw.randbytes(draw.randint(1, 4)) + data[start + 1 :]
        case _:
            return data[:start] + written(members(code=draw.choice(CODES)))[: draw.randint(1, 99)]


def body(draw: Random, ours: Ours = OURS, code: str | None = None, *, changes: int = 3) -> bytes:
    """Make a body: often as documented, else with a few changes."""
    parts = members(ours, code or draw.choice(CODES))
    for _ in range(draw.randint(0, changes)):
        parts = changed(draw, parts)
    made = written(parts)
    return wrapped(draw, made) if changes and draw.randrange(4) == 0 else made


def answer(draw: Random, content: bytes, *, changes: int = 2) -> bytes:
    """Frame a body as an HTTP answer: often as agreed, else with a few changes."""
    status = b"HTTP/1.1 200 OK"
    lines = [b"Content-Type: application/json; charset=utf-8"]
    framed, framing = _framed(draw, content, is_sound=changes == 0 or draw.randrange(3) > 0)
    lines += framing
    before = b""
    for _ in range(draw.randint(0, changes)):
        match draw.randrange(4):
            case 0:
                status = draw.choice(STATUS_LINES)
            case 1:
                lines.insert(draw.randint(0, len(lines)), draw.choice(ODD_LINES))
            case 2:
                before = INFORMATIONAL * draw.choice((1, 8, 9, 30))
            case _:
                lines += [b"X: a"] * draw.choice((5, 61, 62, 63, 64))
    head = b"\r\n".join([status, *lines, b"", b""])
    made = before + head + framed
    return damaged(draw, made) if changes and draw.randrange(5) == 0 else made


def _framed(draw: Random, content: bytes, *, is_sound: bool) -> tuple[bytes, list[bytes]]:
    """Return a body as it goes out, and the lines that say where it ends."""
    if draw.randrange(2):
        return _sized(draw, content, is_sound=is_sound)
    cut = draw.randint(0, len(content))
    chunks = [part for part in (content[:cut], content[cut:]) if part]
    coded = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    if is_sound:
        return coded + b"0\r\n\r\n", [b"Transfer-Encoding: chunked"]
    ends = (b"", b"0\r\n", b"0\r\nX: a\r\n\r\n", b"0;a=b\r\n\r\n", b"zz\r\n", b"-1\r\n\r\n")
    return coded + draw.choice(ends), [b"Transfer-Encoding: chunked"]


def _sized(draw: Random, content: bytes, *, is_sound: bool) -> tuple[bytes, list[bytes]]:
    length = b"Content-Length: %d" % len(content)
    if is_sound:
        return content, [length]
    off = b"Content-Length: %d" % max(0, len(content) + draw.choice((-20, -1, 1, 20)))
    return content, draw.choice(([], [off], [length, off], [length, length], [off, length]))


def mutated_body(draw: Random, data: bytes) -> bytes:
    """Change a body that may be anything."""
    parts = members_of(data)
    if parts is None or draw.randrange(4) == 0:
        return wrapped(draw, data)
    return written(changed(draw, parts))


def mutated_answer(draw: Random, data: bytes) -> bytes:
    """Change an answer that may be anything: its lines, its body or its bytes."""
    head, gap, content = data.partition(b"\r\n\r\n")
    match draw.randrange(4):
        case 0 if gap:
            lines = head.split(b"\r\n")
            lines.insert(draw.randint(1, len(lines)), draw.choice(ODD_LINES))
            return b"\r\n".join(lines) + gap + content
        case 1:
            return answer(draw, mutated_body(draw, content))
        case 2:
            return answer(draw, body(draw))
        case _:
            return damaged(draw, data)
