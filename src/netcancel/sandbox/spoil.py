"""How an answer is spoilt: each function makes of the right answer a wrong delivery."""

import gzip as gzip_format
from collections.abc import Mapping
from typing import Final

from netcancel.sandbox.delivery import (
    JSON_TYPE,
    Answer,
    Delivery,
    Ending,
    encode,
    head,
    plain,
    to_json,
)

Option = str | int | float
Options = Mapping[str, Option]

HTML_PAGE: Final = (
    b"<!DOCTYPE html><html><head><title>Service notice</title></head>"
    b"<body><h1>Under maintenance</h1></body></html>"
)
LOSSES: Final = {"silence": Ending.HOLD, "reset": Ending.RESET, "close": Ending.CLOSE}
PADDING_LINE_BYTES: Final = 1_000


def normally(answer: Answer, _options: Options) -> Delivery:
    """Send the answer as it is, then close."""
    return plain(answer)


def silence(_answer: Answer, _options: Options) -> Delivery:
    """Send nothing and keep the connection open."""
    return Delivery((), Ending.HOLD)


def reset(_answer: Answer, _options: Options) -> Delivery:
    """Send nothing and reset the connection."""
    return Delivery((), Ending.RESET)


def close(_answer: Answer, _options: Options) -> Delivery:
    """Send nothing and close the connection."""
    return Delivery((), Ending.CLOSE)


def lost(answer: Answer, options: Options) -> Delivery:
    """Lose the answer in the way that the option `loss` names; "none" sends it."""
    if options["loss"] == "none":
        return plain(answer)
    return Delivery((), LOSSES[str(options["loss"])])


def late(answer: Answer, options: Options) -> Delivery:
    """Send the whole answer after `seconds`."""
    return Delivery(plain(answer).pieces, Ending.CLOSE, float(options["seconds"]))


def drip(answer: Answer, options: Options) -> Delivery:
    """Send the answer byte by byte, `interval_seconds` before each."""
    whole = plain(answer).pieces[0]
    single = tuple(whole[at : at + 1] for at in range(len(whole)))
    return Delivery(single, Ending.CLOSE, float(options["interval_seconds"]))


def truncated(answer: Answer, _options: Options) -> Delivery:
    """Send half the body under the whole's length, then close."""
    body = to_json(answer.body)
    whole = encode(body, status=answer.status)
    return Delivery((whole[: len(whole) - (len(body) + 1) // 2],), Ending.CLOSE)


def empty(answer: Answer, _options: Options) -> Delivery:
    """Send a body of no bytes."""
    return _body(b"", answer)


def html(answer: Answer, _options: Options) -> Delivery:
    """Send a web page."""
    return _body(HTML_PAGE, answer, content_type="text/html; charset=utf-8")


def broken_json(answer: Answer, _options: Options) -> Delivery:
    """Send half the JSON under its own length."""
    body = to_json(answer.body)
    return _body(body[: len(body) // 2], answer)


def trailing_json(answer: Answer, _options: Options) -> Delivery:
    """Send a second JSON object behind the first."""
    return _body(to_json(answer.body) + b'{"respCd":"8521"}', answer)


def duplicate_keys(answer: Answer, _options: Options) -> Delivery:
    """Send respCd twice: a decline first, then the right one."""
    return _body(b'{"respCd":"8521",' + to_json(answer.body)[1:], answer)


def code_as_number(answer: Answer, _options: Options) -> Delivery:
    """Send respCd as a JSON number."""
    return _changed(answer, respCd=0)


def code_null(answer: Answer, _options: Options) -> Delivery:
    """Send respCd as null."""
    return _changed(answer, respCd=None)


def code_missing(answer: Answer, _options: Options) -> Delivery:
    """Send no respCd."""
    kept = {name: value for name, value in answer.body.items() if name != "respCd"}
    return plain(Answer(kept, answer.status))


def code_too_long(answer: Answer, _options: Options) -> Delivery:
    """Send respCd with a character more."""
    return _changed(answer, respCd=f"{answer.body['respCd']}0")


def code_replaced(answer: Answer, options: Options) -> Delivery:
    """Send the option's code in place of the right one."""
    return _changed(answer, respCd=options["code"])


def wrong_echo(answer: Answer, options: Options) -> Delivery:
    """Change the last character of one echoed field."""
    name = str(options["field"])
    right = str(answer.body[name])
    last = "0" if right[-1:] != "0" else "1"
    return _changed(answer, **{name: right[:-1] + last})


def amount_as_text(answer: Answer, _options: Options) -> Delivery:
    """Send trxAmt as a string, where the answer has it."""
    if "trxAmt" not in answer.body:
        return plain(answer)
    return _changed(answer, trxAmt=str(answer.body["trxAmt"]))


def other_charset(answer: Answer, options: Options) -> Delivery:
    """Send the JSON in EUC-KR with a Korean message."""
    body = to_json({**answer.body, "respMsg": "정상 처리"}).decode()
    content_type = f"application/json; charset={options['declared']}"
    return _body(body.encode("euc-kr"), answer, content_type=content_type)


def utf_16(answer: Answer, _options: Options) -> Delivery:
    """Send the JSON in UTF-16."""
    return _body(to_json(answer.body).decode().encode("utf-16"), answer)


def bom(answer: Answer, _options: Options) -> Delivery:
    """Send a byte-order mark before the JSON."""
    return _body(b"\xef\xbb\xbf" + to_json(answer.body), answer)


def gzip(answer: Answer, _options: Options) -> Delivery:
    """Send the JSON compressed, though nobody asked for it."""
    packed = gzip_format.compress(to_json(answer.body), mtime=0)
    return Delivery(
        (encode(packed, status=answer.status, more=(("Content-Encoding", "gzip"),)),), Ending.CLOSE
    )


def oversized(answer: Answer, options: Options) -> Delivery:
    """Send a valid answer padded to `size_bytes` or a little more."""
    return _changed(answer, padding="x" * int(options["size_bytes"]))


def oversized_headers(answer: Answer, options: Options) -> Delivery:
    """Send a valid body behind `size_bytes` of headers, or a little more."""
    lines = -(-int(options["size_bytes"]) // PADDING_LINE_BYTES)
    more = tuple((f"X-Padding-{number}", "x" * PADDING_LINE_BYTES) for number in range(lines))
    whole = encode(to_json(answer.body), status=answer.status, more=more)
    return Delivery((whole,), Ending.CLOSE)


def bad_chunking(answer: Answer, _options: Options) -> Delivery:
    """Send chunks whose size is no number."""
    chunk = b"zz\r\n" + to_json(answer.body) + b"\r\n0\r\n\r\n"
    return Delivery((_chunked_head(answer) + chunk,), Ending.CLOSE)


def chunked_unfinished(answer: Answer, _options: Options) -> Delivery:
    """Send the whole body in one chunk, but not the last chunk, then close."""
    body = to_json(answer.body)
    chunk = f"{len(body):x}\r\n".encode() + body + b"\r\n"
    return Delivery((_chunked_head(answer) + chunk,), Ending.CLOSE)


def two_content_lengths(answer: Answer, _options: Options) -> Delivery:
    """Send the right Content-Length and a second one that differs."""
    body = to_json(answer.body)
    second = (("Content-Length", str(len(body) - 1)),)
    return Delivery((encode(body, status=answer.status, more=second),), Ending.CLOSE)


def informational_flood(answer: Answer, options: Options) -> Delivery:
    """Send `count` answers of status 102 before the right one."""
    flood = head(102, ()) * int(options["count"])
    return Delivery((flood + plain(answer).pieces[0],), Ending.CLOSE)


def redirect(_answer: Answer, options: Options) -> Delivery:
    """Send the client elsewhere."""
    more = (("Location", str(options["location"])),)
    return Delivery((encode(b"", status=int(options["status"]), more=more),), Ending.CLOSE)


def with_status(answer: Answer, options: Options) -> Delivery:
    """Send the answer's body under another status."""
    return plain(Answer(answer.body, int(options["status"])))


def _body(body: bytes, answer: Answer, *, content_type: str = JSON_TYPE) -> Delivery:
    whole = encode(body, status=answer.status, content_type=content_type)
    return Delivery((whole,), Ending.CLOSE)


def _changed(answer: Answer, **changes: object) -> Delivery:
    return plain(Answer({**answer.body, **changes}, answer.status))


def _chunked_head(answer: Answer) -> bytes:
    return head(
        answer.status,
        (("Content-Type", JSON_TYPE), ("Transfer-Encoding", "chunked"), ("Connection", "close")),
    )
