"""The requests' border: what breaks a rule of the manual never becomes a request."""

import json
from decimal import Decimal
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from netcancel.errors import InvalidRequest
from netcancel.kicc import (
    ApprovalRequest,
    CancelRequest,
    Credentials,
    Expected,
    Merchant,
    NetCancelRequest,
    net_cancel_body,
    unknown_members,
)
from netcancel.kicc.fields import REQUEST_FIELDS, Field, Presence
from tests.kicc.examples import CANCEL, NET_CANCEL_BODY, PAYMENT

REQUESTS: tuple[tuple[type[Any], str, dict[str, Any]], ...] = (
    (ApprovalRequest, "approval", PAYMENT),
    (CancelRequest, "cancel", CANCEL),
    (NetCancelRequest, "net_cancel", PAYMENT),
)


class Text(str):
    __slots__ = ()


class Name(StrEnum):
    T = "T123456789"


class Number(int):
    def __str__(self) -> str:
        return "1"


class Amount(IntEnum):
    TEN = 10


class Numpy:
    """Behaves as numpy.int64 does: an integer by every protocol but its type."""

    def __index__(self) -> int:
        return 10000

    def __int__(self) -> int:
        return 10000

    def __eq__(self, other: object) -> bool:
        return other == 10000

    def __hash__(self) -> int:
        return hash(10000)


ODD_TEXTS: list[object] = [
    *("", " ", "\u3000", "\u00a0", "A B", " A", "A ", "\tA", "A\n"),  # empty, spaces
    *("A\x00", "A\r", "A\x7f", "A\x85", "A\u2028", "A\ufeff", "A\u202e", "A\u200d", "A\ud800"),
    *("가나다", "ＡＢ", "１２３", "é", "😀"),
    *(None, 1, True, 1.0, b"A", Text("A"), Name.T, {}, [], ["A"], {"A": "A"}, Decimal(1)),
]

ODD_NUMBERS: list[object] = [
    *(-1, 10**10, 2**31 * 10, 2**53, 2**53 + 1, 10**18, 10**4999),
    *(1.0, 10000.5, 10000.0, float("nan"), float("inf"), float("-inf"), 1e400),
    *("10000", "１００", "", b"1", True, False, [], {}, [1]),
    *(Decimal(10000), Decimal("1E+3"), Number(10000), Amount.TEN, Numpy(), 1 + 0j),
]

ODD_DATES: list[object] = [
    *("20230229", "20231301", "20230431", "20230001", "20230100", "00000000", "00000101"),
    *("2023111", "2023-W01-1", "2023-1-1", "202301011", "２０２３０１０１", "20230101 "),
    *(" 2023010", "2023011\n", "+2023010", 20230101),
]

BAD: dict[str, list[object]] = {
    "tid": [*ODD_TEXTS, "T1234567890"],
    "svc_id": [*ODD_TEXTS, "SVC_SIMPLE1"],
    "bizr_no": [
        *ODD_TEXTS,
        *(
            "123-45-67890",
            "123456789",
            "12345678901",
            "１２３",
            "１２３４５６７８９０",
            "123456789A",
        ),
        *("٠١٢٣٤٥٦٧٨٩", "123456789²", "123456789\n"),
    ],
    "merc_trx_no": [
        *ODD_TEXTS,
        "A" * 41,
        "'; DROP TABLE",
    ],
    "token_key": [*ODD_TEXTS, "A" * 129, "A\r\nB"],
    "alot_month": [*ODD_TEXTS, "0", "000", " 3", "３", "-1", 3, "99", "01", "61", "0a", "03\n"],
    "trx_amt": [*ODD_NUMBERS, None, 0, -0],
    "vat_amt": [*ODD_NUMBERS, None, 10001],
    "svc_amt": [*ODD_NUMBERS, None, 10001],
    "tax_free_amt": [*ODD_NUMBERS, 10001],
    "tran_dt": [*ODD_TEXTS, *ODD_DATES],
    "tran_tm": [
        *ODD_TEXTS,
        "240000",
        "235960",
        "126000",
        "9:0:0",
        "12000",
        "1200000",
        "１２００００",
    ],
    "user_data": [
        *("A\x00", "A\n", "A\r", "A\t", "A\x7f", "A\x85", "A\u2028", "A\u2029", "A\ufeff"),
        *("A\u202e", "A\u200d", "A\ud800", "A\u00ad", "A\U000e0001"),
        *("A" * 513, "가" * 171, 1, True, b"A", Text("A"), {}, []),
        *("4111111111111111", "card 4111-1111-1111-1111.", "4111 1111 1111 1111"),
        *("3782 822463 10005", "378282246310005", "4222222222222", "6304000000000000000"),
    ],
    "wcc": [*ODD_TEXTS, "t", "g", "TG", "X"],
    "cnd_trx_no": [*ODD_TEXTS, "A" * 21],
    "org_aprv_dt": [*ODD_TEXTS, *ODD_DATES],
    "org_aprv_no": [*ODD_TEXTS, "12345678901"],
}

FIELDS_OF_REQUESTS = [
    pytest.param(request, example, name, id=f"{kind}-{name}")
    for request, kind, example in REQUESTS
    for name in request.model_fields
]


@pytest.mark.parametrize(("request_type", "example", "name"), FIELDS_OF_REQUESTS)
def test_bad_values_are_refused_by_name(
    request_type: type[Any], example: dict[str, Any], name: str
) -> None:
    """A value that breaks a rule raises InvalidRequest for its field, without cause or context."""
    for value in BAD[name]:
        with pytest.raises(InvalidRequest) as caught:
            request_type(**example | {name: value})
        assert caught.value.field == name
        assert caught.value.rule
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


GOOD: dict[str, list[object]] = {
    "tid": ["T", "T123456789"],
    "svc_id": ["S", "SVC_SIMPLE"],
    "bizr_no": ["0000000000", "1234567891"],  # the check digit isn't checked
    "merc_trx_no": [
        *("A", "a", "A" * 20, "A" * 21, "A" * 40, "<script>", "=cmd()", "!~", "4111111111111112"),
        *("20231225120000003", "1703473200004"),  # a date and milliseconds, both with check digit
        *("4111111111111111", "1729382256910270460"),  # a chance of digits is no card
    ],
    "token_key": ["A", "A" * 40, "A" * 41, "A" * 128, "a+/="],
    "alot_month": ["00", "02", "03", "12", "24", "36", "60"],
    "trx_amt": [10000, 9_999_999_999],
    "vat_amt": [0, 909, 10000],
    "svc_amt": [0, 10000],
    "tax_free_amt": [None, 0, 10000],
    "tran_dt": ["20240229", "20231231", "20000229"],
    "tran_tm": ["000000", "235959", "120000"],
    "user_data": [
        *(
            None,
            "",
            " A ",
            "A" * 512,
            "가" * 170 + "AB",
            "\u1100\u1161\u11a8",
            "😀",
            "'; DROP TABLE",
        ),
        *("<script>", "=cmd()", '"\\', "12345678", "1234-56**-****-1234", "똠뷁"),
    ],
    "wcc": ["T", "G"],
    "cnd_trx_no": ["A" * 20],
    "org_aprv_dt": ["20240229"],
    "org_aprv_no": ["1", "1234567890"],
}


@pytest.mark.parametrize(("request_type", "example", "name"), FIELDS_OF_REQUESTS)
def test_good_values_are_kept_and_sent_as_they_are(
    request_type: type[Any], example: dict[str, Any], name: str
) -> None:
    """A value within the rules is neither trimmed nor changed, in the object or in the body."""
    wire = next(field.wire for field in REQUEST_FIELDS if field.name == name)
    for value in GOOD[name]:
        request = request_type(**example | {name: value})
        assert getattr(request, name) == value
        body = json.loads(request.to_body().decode())
        assert body.get(wire) == value
        assert (wire in body) is (value is not None)
        assert request_type.from_body(request.to_body()) == request


@pytest.mark.parametrize(("request_type", "kind", "example"), REQUESTS)
def test_classes_carry_what_the_table_says(
    request_type: type[Any], kind: str, example: dict[str, Any]
) -> None:
    """Each request has the table's fields, in its order, required where it says so."""
    rows = [row for row in REQUEST_FIELDS if getattr(row, kind) is not Presence.ABSENT]
    assert set(request_type.model_fields) == {row.name for row in rows}
    body = json.loads(request_type(**example).to_body())
    assert list(body) == [row.wire for row in rows if row.wire in body]
    for row in rows:
        # Optional on our side only where the manual names the default, or 0 is always sent.
        ours = {"alot_month", "svc_amt"} if kind == "approval" else {"alot_month"}
        required = getattr(row, kind) is Presence.REQUIRED and row.name not in ours
        assert request_type.model_fields[row.name].is_required() is required, row.name


@pytest.mark.parametrize(("request_type", "kind", "example"), REQUESTS)
def test_missing_field_is_named(
    request_type: type[Any],
    kind: str,  # noqa: ARG001  names the case
    example: dict[str, Any],
) -> None:
    """Leaving out any required field raises InvalidRequest with its name."""
    for name, field in request_type.model_fields.items():
        if field.is_required():
            rest = {key: value for key, value in example.items() if key != name}
            with pytest.raises(InvalidRequest, match=f"^{name}: is required$"):
                request_type(**rest)


@pytest.mark.parametrize(
    "name", ["merc_trx_num", "mercTrxNo", "wcc", "x" * 40, "x" * 41, "a b", "가", "fields"]
)
def test_unknown_field_is_refused(name: str) -> None:
    """A misspelt or foreign field is refused; a name that is none is not repeated."""
    with pytest.raises(InvalidRequest, match="is not a field of this request") as caught:
        ApprovalRequest(**PAYMENT | {name: "A"})
    shown = name.isascii() and " " not in name and len(name) <= 40
    assert caught.value.field == (name if shown else "field")


@pytest.mark.parametrize(("request_type", "kind", "example"), REQUESTS)
def test_a_request_that_somebody_else_wrote_is_read_as_a_gateway_reads_it(
    request_type: type[Any],
    kind: str,  # noqa: ARG001  names the case
    example: dict[str, Any],
) -> None:
    """Fields that nobody knows are left aside; a known one in other capitals is refused."""
    request = request_type(**example)
    members = json.loads(request.to_body())
    assert request_type.received(json.dumps(members | {"newField": [1]}).encode()) == request
    for field in REQUEST_FIELDS:
        for name in (field.wire.upper(), field.wire.capitalize(), field.wire.casefold()):
            if name not in {each.wire for each in REQUEST_FIELDS}:
                body = json.dumps(members | {name: 1}).encode()
                with pytest.raises(InvalidRequest, match=r"^body: .* in other capitals$"):
                    request_type.received(body)
    with pytest.raises(InvalidRequest, match=r"^newField: is not a field of this request$"):
        request_type.from_body(json.dumps(members | {"newField": [1]}).encode())


def test_amounts_that_somebody_left_out_are_zero() -> None:
    """The manual lets a request have neither value-added tax nor service charge."""
    members = json.loads(NET_CANCEL_BODY)
    del members["vatAmt"], members["svcAmt"]
    request = ApprovalRequest.received(json.dumps(members).encode())
    assert request == ApprovalRequest(**PAYMENT | {"vat_amt": 0, "svc_amt": 0})


def test_what_a_body_has_besides_a_requests_fields_is_told() -> None:
    """A token is none of a cancel's; what is no body at all is refused."""
    body = json.dumps(json.loads(NET_CANCEL_BODY) | {"newField": [1]}).encode()
    assert unknown_members(body, NetCancelRequest) == {"newField": [1]}
    told = unknown_members(body, CancelRequest)
    assert told == {"tokenKey": PAYMENT["token_key"], "newField": [1]}
    with pytest.raises(InvalidRequest, match=r"^body: is not a JSON object$"):
        unknown_members(b"[]", NetCancelRequest)


def test_approval_checks_all_that_follows() -> None:
    """Whatever approval is accepted, its net-cancel is too, with the very same values."""
    for name, values in GOOD.items():
        if name in ApprovalRequest.model_fields:
            for value in values:
                request = ApprovalRequest(**PAYMENT | {name: value})
                void = NetCancelRequest.from_body(net_cancel_body(request.to_body()))
                for kept in NetCancelRequest.model_fields:
                    assert getattr(void, kept) == getattr(request, kept)


def test_request_does_not_change() -> None:
    """A request is frozen, and saying so shows no value."""
    request = ApprovalRequest(**PAYMENT)
    with pytest.raises(AttributeError, match=r"^ApprovalRequest is frozen$"):
        request.trx_amt = 31415
    with pytest.raises(AttributeError, match=r"^ApprovalRequest is frozen$"):
        del request.token_key
    assert request == ApprovalRequest(**PAYMENT)


def test_bodies_are_the_manuals_examples() -> None:
    """The three examples of the manual are written compactly, in the table's order."""
    assert NetCancelRequest(**PAYMENT).to_body() == NET_CANCEL_BODY
    assert ApprovalRequest(**PAYMENT).to_body() == NET_CANCEL_BODY
    assert CancelRequest(**CANCEL).to_body() == (
        b'{"tid":"T123456789","svcId":"SVC_SIMPLE","bizrNo":"1234567890",'
        b'"mercTrxNo":"CANCEL_20231225_0001","alotMonth":"00","trxAmt":10000,"vatAmt":909,'
        b'"svcAmt":0,"tranDt":"20231226","tranTm":"100000","wcc":"G",'
        b'"cndTrxNo":"ORD_20231225_0001","orgAprvDt":"20231225","orgAprvNo":"12345678"}'
    )


def test_net_cancel_body_is_a_projection() -> None:
    """The net-cancel takes the eleven fields out of the approval's bytes and nothing else."""
    full = PAYMENT | {"tax_free_amt": 1, "user_data": '한글 "\\/ 😀'}
    assert net_cancel_body(ApprovalRequest(**full).to_body()) == NET_CANCEL_BODY


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"svc_amt": 9_091, "vat_amt": 0},
        {"tax_free_amt": 1, "user_data": '한글 "\\/ 😀'},
        {"token_key": '"\\/~!', "merc_trx_no": '\\"{}', "trx_amt": 9_999_999_999},
    ],
)
def test_an_approval_writes_the_body_that_its_bytes_make(changed: dict[str, object]) -> None:
    """What is frozen with an intent is exactly the projection of what is sent."""
    request = ApprovalRequest(**PAYMENT | changed)
    assert request.net_cancel_body() == net_cancel_body(request.to_body())


def test_net_cancel_body_fills_in_zero() -> None:
    """An approval of another client without svcAmt or vatAmt is voided with 0 for both."""
    foreign = json.loads(NET_CANCEL_BODY)
    del foreign["svcAmt"], foreign["vatAmt"]
    spaced = json.dumps(dict(reversed(foreign.items())), indent=2).encode()
    assert net_cancel_body(spaced) == NET_CANCEL_BODY.replace(b'"vatAmt":909', b'"vatAmt":0')


@pytest.mark.parametrize("field", NetCancelRequest.fields, ids=lambda field: field.wire)
def test_net_cancel_body_wants_every_field_in_its_type(field: Field) -> None:
    """What is missing or of another type is named, as the request itself would."""
    wrong: object = "1" if field.name.endswith("_amt") else 1
    for value in (None, True, 1.5, [1], {"a": 1}, wrong):
        sent = json.loads(NET_CANCEL_BODY) | {field.wire: value}
        with pytest.raises(InvalidRequest, match=f"^{field.name}: must be an? (int|str)"):
            net_cancel_body(json.dumps(sent).encode())
    sent = json.loads(NET_CANCEL_BODY)
    del sent[field.wire]
    if field.name not in ("vat_amt", "svc_amt"):
        with pytest.raises(InvalidRequest, match=f"^{field.name}: is required$"):
            net_cancel_body(json.dumps(sent).encode())


@pytest.mark.parametrize(
    ("wire", "value"), [("trxAmt", 0), ("trxAmt", 10**10), ("vatAmt", 10_001), ("svcAmt", -1)]
)
def test_net_cancel_body_checks_amounts(wire: str, value: int) -> None:
    """A sum that no approval can have had is refused."""
    with pytest.raises(InvalidRequest, match="must be from"):
        net_cancel_body(json.dumps(json.loads(NET_CANCEL_BODY) | {wire: value}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        NET_CANCEL_BODY + b"x",
        NET_CANCEL_BODY + NET_CANCEL_BODY,
        b"\xef\xbb\xbf" + NET_CANCEL_BODY,
        NET_CANCEL_BODY.decode().encode("utf-16"),
        NET_CANCEL_BODY.decode().encode("utf-32-le"),
        NET_CANCEL_BODY.replace(b"TOKEN", "한글".encode("euc-kr")),
        NET_CANCEL_BODY.replace(b"}", b',"tid":"T123456789"}'),
        NET_CANCEL_BODY.replace(b"}", b",}"),
        NET_CANCEL_BODY.replace(b'"', b"'"),
        NET_CANCEL_BODY.replace(b"{", b"{/* */"),
        NET_CANCEL_BODY.replace(b"10000", b"NaN"),
        NET_CANCEL_BODY.replace(b"10000", b"1e400"),
        NET_CANCEL_BODY.replace(b"10000", b"10000.0"),
        NET_CANCEL_BODY.replace(b"10000", b"1" * 5000),
        NET_CANCEL_BODY.replace(b"10000", b"[" * 900 + b"]" * 900),
        NET_CANCEL_BODY.replace(b"10000", b"[" * 30000 + b"]" * 30000),
        NET_CANCEL_BODY + b" " * 65_536,
    ],
    ids=range(21),
)
def test_body_that_is_no_request_is_refused(body: bytes) -> None:
    """What is not one strict JSON object of the right fields raises InvalidRequest alone."""
    for read in (net_cancel_body, ApprovalRequest.from_body, NetCancelRequest.from_body):
        with pytest.raises(InvalidRequest) as caught:
            read(body)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_an_amount_is_from_one_to_the_largest() -> None:
    """A part of it from nothing to all of it; whoever reads the refusal hears both ends."""
    smallest = PAYMENT | {"trx_amt": 1, "vat_amt": 1, "svc_amt": 0}
    assert ApprovalRequest(**smallest).trx_amt == 1
    for amount in (0, 10**10):
        with pytest.raises(InvalidRequest, match=r"^trx_amt: must be from 1 to 9999999999$"):
            ApprovalRequest(**smallest | {"trx_amt": amount})
    for part in ("vat_amt", "svc_amt", "tax_free_amt"):
        for amount in (-1, 2):
            with pytest.raises(InvalidRequest, match=f"^{part}: must be from 0 to trx_amt$"):
                ApprovalRequest(**smallest | {part: amount})


@pytest.mark.parametrize("left_out", ["alot_month", "svc_amt", "tax_free_amt"])
def test_a_field_that_is_left_out_hides_none_behind_it(left_out: str) -> None:
    """All that was given is looked at."""
    given = {name: value for name, value in PAYMENT.items() if name != left_out}
    for name in ("tran_tm", "token_key", "user_data"):
        with pytest.raises(InvalidRequest, match=f"^{name}: "):
            ApprovalRequest(**given | {name: "A\n"})


def test_credentials_know_those_that_were_in_force_before() -> None:
    """Of the same channel, with nothing before them."""
    both = Credentials(channel_id="CH_1", secret_key="new", previous_secret_key="old")
    assert both.previous == Credentials(channel_id="CH_1", secret_key="old")
    assert Credentials(channel_id="CH_1", secret_key="new").previous is None


def test_merchant_and_credentials_are_checked() -> None:
    """Who sells and who signs are held to the same rules, by name."""
    assert Merchant(tid="T1", svc_id="S1", bizr_no="1234567890").svc_id == "S1"
    with pytest.raises(InvalidRequest, match=r"^bizr_no: must be ten ASCII digits$"):
        Merchant(tid="T1", svc_id="S1", bizr_no="123-45-678")
    for channel in ("", "CH A", "CH.A", "A" * 65, "채널", "CH\n", None, 1):
        with pytest.raises(InvalidRequest, match=r"^channel_id: "):
            Credentials(channel_id=channel, secret_key="A")  # type: ignore[arg-type]
    for secret in ("", " ", "A\n", "A B", "비밀", "A" * 513, b"A", None):
        with pytest.raises(InvalidRequest, match=r"^secret_key: "):
            Credentials(channel_id="CH_A1B2C3D4", secret_key=secret)  # type: ignore[arg-type]


def test_of_each_request_an_answer_must_echo_the_same() -> None:
    """A cancel has no token that an answer could give away."""
    for kind, name, values in REQUESTS:
        echo = Expected.of(kind(**values))
        assert echo.merc_trx_no == values["merc_trx_no"]
        assert echo.token_key == ("" if name == "cancel" else values["token_key"])
