"""The judge on arbitrary input: it never raises, and never proves what a tiny oracle denies."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from netcancel.kicc import (
    MANUAL_DECLINE_CODES,
    Acknowledged,
    AmountDiffers,
    AnswerLost,
    ApprovalAnswer,
    ApprovalProven,
    CancelProven,
    DeclineProven,
    NetCancelCodes,
    RawAnswer,
    Refused,
    judge_approval,
    judge_cancel,
    judge_net_cancel,
)
from tests.kicc.examples import APPROVED, ECHO, PAYMENT, expected

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["0000", "8521", "T123456789", "4111111111111111", PAYMENT["token_key"]])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
NAMES = st.sampled_from([*APPROVED, "userData", "x"]) | st.text(max_size=8)
OBJECTS = st.builds(
    lambda base, changes, gone: {k: v for k, v in (base | changes).items() if k not in gone},
    st.sampled_from([APPROVED, ECHO | {"respCd": "8521"}, {"respCd": "0000"}, {}]),
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sets(st.sampled_from(list(APPROVED)), max_size=3),
)


def damage(body: bytes, place: int, new: bytes) -> bytes:
    """Overwrite a few bytes."""
    place %= len(body) + 1
    return body[:place] + new + body[place + len(new) :]


BODIES = (
    st.binary(max_size=200)
    | st.builds(json.dumps, OBJECTS | VALUES, ensure_ascii=st.just(True)).map(str.encode)
    | st.builds(
        damage,
        st.just(json.dumps(APPROVED).encode()),
        st.integers(min_value=0),
        st.binary(max_size=3),
    )
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from([b"content-encoding", b"content-type", b"location"]) | st.binary(),
        st.sampled_from([b"gzip", b"identity", b"text/html"]) | st.binary(),
    ),
    max_size=3,
).map(tuple)
ANSWERS = st.builds(RawAnswer, st.just(200) | st.integers(), HEADERS, BODIES)


def oracle(reception: RawAnswer) -> dict[str, Any] | None:
    """Read the answer in the plainest way; None where it can't prove anything."""
    codings = [value for name, value in reception.headers if name.lower() == b"content-encoding"]
    if reception.status != 200 or any(c.strip().lower() not in (b"", b"identity") for c in codings):
        return None
    try:
        read = json.loads(reception.body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(read, dict):
        return None
    return read if all(read.get(name, echo) == echo for name, echo in ECHO.items()) else None


@given(ANSWERS)
@settings(max_examples=600)
def test_approval_verdict_is_total_and_never_guessed(reception: RawAnswer) -> None:
    """Any answer has a verdict, and what is proven stands in the answer."""
    verdict = judge_approval(reception, expected(), MANUAL_DECLINE_CODES)
    read = oracle(reception)
    match verdict:
        case ApprovalProven(answer=answer, amount_was_absent=absent):
            assert read is not None
            assert read["respCd"] == "0000"
            assert absent is ("trxAmt" not in read)
            assert read.get("trxAmt", 10000) == 10000
            assert not isinstance(read.get("trxAmt"), float)
            assert ApprovalAnswer.from_json(answer.to_json()) == answer
            assert PAYMENT["token_key"] not in answer.to_json()
        case AmountDiffers(approved=approved):
            assert read is not None
            assert (read["respCd"], read["trxAmt"]) == ("0000", approved)
            assert approved != 10000
        case DeclineProven(code=code):
            assert read is not None
            assert (read["respCd"], code) == ("8521", "8521")
        case AnswerLost(detail=detail):
            assert detail.isascii()
            assert len(detail) < 100


@given(ANSWERS)
@settings(max_examples=300)
def test_voiding_verdicts_are_total_and_never_guessed(reception: RawAnswer) -> None:
    """Net-cancels and cancels are done only by 0000 in an answer that is ours."""
    read = oracle(reception)
    for verdict in (
        judge_net_cancel(reception, expected(), NetCancelCodes()),
        judge_cancel(reception, expected()),
    ):
        match verdict:
            case Acknowledged() | CancelProven():
                assert read is not None
                assert read["respCd"] == "0000"
            case Refused():
                assert read is not None
                assert len(read["respCd"]) == 4
                assert read["respCd"] != "0000"
            case AnswerLost():
                assert verdict.code is None


@given(OBJECTS)
@settings(max_examples=300)
def test_documented_answer_is_never_lost(members: dict[str, Any]) -> None:
    """An answer with the agreed fields is approved, whatever else it carries."""
    odd = {
        name: value for name, value in members.items() if name not in (*ECHO, "respCd", "trxAmt")
    }
    body = json.dumps(odd | ECHO | {"respCd": "0000", "trxAmt": 10000})
    if "NaN" not in body and "Infinity" not in body:
        verdict = judge_approval(
            RawAnswer(200, (), body.encode()), expected(), MANUAL_DECLINE_CODES
        )
        assert isinstance(verdict, ApprovalProven)
