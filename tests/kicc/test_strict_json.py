"""The strict reader: one JSON object, or the reason why not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcancel.kicc.strict_json import Unreadable, read_object

REASONS: dict[str, list[bytes]] = {
    "is longer than 65536 bytes": [b" " * 65_537, b'{"a":"' + b"a" * 65_536 + b'"}'],
    "is empty": [b"", b" \t\r\n"],
    "is not UTF-8": [b"\xff", b'{"a":"\xc0\x80"}', "{}".encode("utf-16")],
    "starts with a byte-order mark": [b"\xef\xbb\xbf{}", b"\xef\xbb\xbf"],
    "is nested deeper than 16": [
        *(b'{"a":' + b"[" * 16 + b"]" * 16 + b"}", b"[" * 60_000),
        b'{"closed before it":[[],[]],"a":' + b"[" * 16 + b"]" * 16 + b"}",
    ],
    "is not JSON": [
        b"{",
        b"{}{}",
        b"{'a':1}",
        b"{a:1}",
        b"{} x",
        b"\0",
        b"\v",
        b'{"a":01}',
        b'{"a":+1}',
    ],
    "is not a JSON object": [b"[]", b"1", b'"a"', b"null", b"[{}]"],
    "has a key twice": [b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"b":[{"a":1,"a":2}]}'],
    "holds NaN or Infinity": [b'{"a":NaN}', b'{"a":[Infinity]}', b'{"a":-Infinity}'],
    "holds a number beyond all bounds": [b'{"a":1e400}', b'{"a":-1.5E999}'],
    "holds a number of more than 640 characters": [
        *(
            b'{"a":' + b"1" * 641 + b"}",
            b'{"a":-' + b"1" * 640 + b"}",
            b'{"a":1e' + b"0" * 640 + b"}",
        ),
    ],
}


@pytest.mark.parametrize("reason", REASONS)
def test_unreadable_body_has_its_reason(reason: str) -> None:
    """Whatever isn't one strict object is refused with a reason that shows nothing of it."""
    for body in REASONS[reason]:
        assert read_object(body) == Unreadable(reason)


def test_readable_up_to_the_limits() -> None:
    """A body at every limit at once is read."""
    deep = b"[" * 15 + b"]" * 15
    body = b'{"n":' + b"1" * 640 + b',"d":' + deep + b',"e":1e308,"t":"[{\\"","u":"\\ud800"}'
    read = read_object(body.ljust(65_536))
    assert isinstance(read, dict)
    assert read == json.loads(body)


@given(st.binary() | st.text().map(str.encode))
def test_reader_is_total(body: bytes) -> None:
    """Any bytes are an object, as the standard reader reads it, or unreadable."""
    read = read_object(body)
    assert isinstance(read, Unreadable) or read == json.loads(body)
