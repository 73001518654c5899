"""Which bodies the sandbox takes: every field's limits, and strict JSON."""

import json
from typing import Any

import pytest

from netcancel.sandbox.fields import Endpoint, FieldError, read_fields
from tests.sandbox.client import cancel_of, eleven

CHARGE = {
    "van_trx_no": "V20231225S00000001",
    "aprv_dt": "20231225",
    "aprv_no": "10000001",
    "trx_amt": 10_000,
}
GOOD: dict[Endpoint, dict[str, Any]] = {
    Endpoint.APPROVAL: {**eleven(), "taxFreeAmt": 0, "userData": "자료"},
    Endpoint.NET_CANCEL: {**eleven()},
    Endpoint.CANCEL: {**cancel_of(CHARGE)},
}
OPTIONAL = {Endpoint.APPROVAL: {"vatAmt", "svcAmt", "taxFreeAmt", "userData"}}
PRINTABLE = {"tid": 10, "svcId": 10, "mercTrxNo": 40, "tokenKey": 128, "cndTrxNo": 20} | {
    "orgAprvNo": 10
}
DATES = ("tranDt", "orgAprvDt")
AMOUNTS = ("trxAmt", "vatAmt", "svcAmt", "taxFreeAmt")
NO_STRINGS: list[object] = [None, 1, 1.5, True, [], {}]
NO_AMOUNTS: list[object] = [None, "10000", "１００", 1.0, 10_000.5, True, False, [], {}, -1]
BAD_CHARACTERS = [
    " ",
    "\t",
    "\n",
    "\r",
    "\0",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\u202e",
    "\u200d",
]
BAD_CHARACTERS += ["\u3000", "\xa0", "가", "１", "é"]


def places(name: str) -> list[Endpoint]:
    """Return the endpoints whose request has the field."""
    return [endpoint for endpoint in Endpoint if name in GOOD[endpoint]]


def refusal(endpoint: Endpoint, **changes: object) -> str | None:
    """Return the refusal of the good body with these changes, or None."""
    try:
        read_fields(endpoint, json.dumps({**GOOD[endpoint], **changes}).encode())
    except FieldError as error:
        return str(error)
    return None


def is_refused_by_name(name: str, value: object) -> bool:
    """Tell whether each endpoint refuses the value, naming the field and not showing the value."""
    refusals = [refusal(endpoint, **{name: value}) for endpoint in places(name)]
    shown = isinstance(value, str) and len(value) > 3
    return all(
        text is not None and text.startswith(f"{name}:") and not (shown and str(value) in text)
        for text in refusals
    )


@pytest.mark.parametrize("endpoint", Endpoint)
def test_the_good_body_is_read_whole(endpoint: Endpoint) -> None:
    """A body within all rules is returned as it was sent."""
    body = json.dumps(GOOD[endpoint], ensure_ascii=False).encode()
    assert read_fields(endpoint, body) == GOOD[endpoint]


@pytest.mark.parametrize("endpoint", Endpoint)
def test_every_field_is_required_but_the_optional_ones(endpoint: Endpoint) -> None:
    """Leaving a field out is refused by its name, unless the manual says that it may be."""
    for name in GOOD[endpoint]:
        body = {key: value for key, value in GOOD[endpoint].items() if key != name}
        if name in OPTIONAL.get(endpoint, set()):
            assert name not in read_fields(endpoint, json.dumps(body).encode())
        else:
            with pytest.raises(FieldError, match=f"{name}: missing"):
                read_fields(endpoint, json.dumps(body).encode())


@pytest.mark.parametrize("endpoint", Endpoint)
def test_an_unknown_field_is_refused(endpoint: Endpoint) -> None:
    """A misspelt or foreign field is refused, shown in ASCII and shortened."""
    assert refusal(endpoint, trxamt=1) == "'trxamt': unknown field"
    text = refusal(endpoint, **{"\u202e" + "x" * 100: 1})
    assert text is not None
    assert text.isascii()
    assert len(text) < 60


@pytest.mark.parametrize(("name", "most"), PRINTABLE.items())
def test_identifiers(name: str, most: int) -> None:
    """Printable ASCII of at most the manual's bytes; nothing is trimmed or cut."""
    for endpoint in places(name):
        for value in ("x", "x" * most, "~" * most, "!'\"<>;"[: min(6, most)]):
            assert refusal(endpoint, **{name: value}) is None
    assert is_refused_by_name(name, "")
    assert is_refused_by_name(name, "x" * (most + 1))
    assert is_refused_by_name(name, "\ud800")
    for bad in BAD_CHARACTERS:
        for value in (bad, "a" + bad, bad + "a", "a" + bad + "a"):
            assert is_refused_by_name(name, value), ascii(value)
    for other in NO_STRINGS:
        assert is_refused_by_name(name, other), ascii(other)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "123-45-67890",
        "123456789",
        "12345678901",
        "１２３４５６７８９０",
        "123456789 ",
        "12345678x0",
    ],
)
def test_bizr_no_is_ten_ascii_digits(value: str) -> None:
    """Nothing but ten ASCII digits is a registration number; its check digit isn't checked."""
    assert is_refused_by_name("bizrNo", value)
    assert refusal(Endpoint.APPROVAL, bizrNo="0000000000") is None


@pytest.mark.parametrize("value", ["", "0", "000", " 3", "３３", "-1", 3, "0x", "0\n"])
def test_alot_month_is_two_ascii_digits(value: object) -> None:
    """Nothing but two ASCII digits is an instalment period."""
    assert is_refused_by_name("alotMonth", value)


@pytest.mark.parametrize("name", DATES)
@pytest.mark.parametrize(
    ("value", "is_date"),
    [
        ("20240229", True),
        ("20231231", True),
        ("20230229", False),
        ("20231301", False),
        ("20230431", False),
        ("20230100", False),
        ("00000000", False),
        ("2023111", False),
        ("2023-W01", False),
        ("２０２３１２２５", False),
        ("20231225\n", False),
        ("", False),
        (20231225, False),
    ],
)
def test_dates_are_of_the_calendar(name: str, value: object, *, is_date: bool) -> None:
    """Eight ASCII digits that name a day."""
    if is_date:
        assert all(refusal(endpoint, **{name: value}) is None for endpoint in places(name))
    else:
        assert is_refused_by_name(name, value)


@pytest.mark.parametrize(
    ("value", "is_time"),
    [
        ("000000", True),
        ("235959", True),
        ("240000", False),
        ("235960", False),
        ("126000", False),
        ("12000", False),
        ("9:0:00", False),
        ("１２００００", False),
        ("120000\n", False),
        ("", False),
        (120_000, False),
    ],
)
def test_times_are_of_the_clock(value: object, *, is_time: bool) -> None:
    """Six ASCII digits from 000000 to 235959."""
    if is_time:
        assert refusal(Endpoint.APPROVAL, tranTm=value) is None
    else:
        assert is_refused_by_name("tranTm", value)


@pytest.mark.parametrize("name", AMOUNTS)
def test_amounts_are_whole_and_bounded(name: str) -> None:
    """A JSON integer up to 9,999,999,999; the total above 0, a part at most the total."""
    for value in [*NO_AMOUNTS, 10_000_000_000, 2**53 + 1, 10**18]:
        assert is_refused_by_name(name, value), ascii(value)
    least = 1 if name == "trxAmt" else 0
    parts = {part: 0 for part in AMOUNTS[1:] if part != name}
    for endpoint in places(name):
        here = {part: value for part, value in parts.items() if part in GOOD[endpoint]}
        assert refusal(endpoint, **{**here, name: least}) is None
        assert refusal(endpoint, **{**here, "trxAmt": 9_999_999_999, name: 9_999_999_999}) is None
    if name == "trxAmt":
        assert is_refused_by_name(name, 0)
    else:
        assert is_refused_by_name(name, 10_001)


def test_user_data_is_text_of_512_bytes() -> None:
    """Any text without control and format characters, counted in bytes, never cut."""
    for value in ("", "가" * 170 + "ab", "😀" * 128, "'; DROP TABLE x; <script>=cmd()", "x" * 512):
        assert refusal(Endpoint.APPROVAL, userData=value) is None
    for bad in (
        "x" * 513,
        "가" * 171,
        "😀" * 128 + "x",
        "\ud800",
        "a\0b",
        "a\nb",
        "\x85",
        "\u202e",
    ):
        assert is_refused_by_name("userData", bad), ascii(bad)
    for other in NO_STRINGS:
        assert is_refused_by_name("userData", other), ascii(other)


@pytest.mark.parametrize("value", ["", "t", "g", "TG", "X", "Ｔ", 1])
def test_wcc_is_t_or_g(value: object) -> None:
    """No other letter says which number follows."""
    assert is_refused_by_name("wcc", value)


TEXT = json.dumps(GOOD[Endpoint.NET_CANCEL])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"null",
        b"1",
        b"[]",
        b'"text"',
        TEXT.encode()[:-1],
        TEXT.encode() + b"{}",
        TEXT.encode() + b"\0",
        b")]}'" + TEXT.encode(),
        TEXT.replace('"', "'").encode(),
        TEXT[:-1].encode() + b",}",
        TEXT[:-1].encode() + b', "tid": "T123456789"}',
        b"\xef\xbb\xbf" + TEXT.encode(),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-32"),
        TEXT.replace("ORD_20231225_0001", "주문").encode("euc-kr"),
        TEXT.replace("10000", "NaN").encode(),
        TEXT.replace("10000", "Infinity").encode(),
        TEXT.replace("10000", "1" * 5_000).encode(),
        b"[" * 60_000,
        b'{"a":' * 10_000,
    ],
)
def test_a_body_is_one_json_object_in_utf_8(body: bytes) -> None:
    """Everything else is refused as a body, with a sentence and without a crash."""
    with pytest.raises(FieldError, match=r"^body: must be "):
        read_fields(Endpoint.NET_CANCEL, body)


def test_a_number_beyond_floats_is_no_amount() -> None:
    """1e400 and 1e4 are not whole numbers."""
    for number in ("1e400", "1e4", "10000.0"):
        with pytest.raises(FieldError, match=r"^trxAmt: must be a whole number$"):
            read_fields(Endpoint.NET_CANCEL, TEXT.replace("10000", number).encode())
