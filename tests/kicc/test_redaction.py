"""Tokens, secrets and card numbers: in no repr, text, error or answer."""

import copy
import json
import pickle
import traceback
from typing import Any

import pytest

from netcancel.errors import InvalidRequest
from netcancel.kicc import (
    APPROVAL_PATH,
    MANUAL_DECLINE_CODES,
    AmountDiffers,
    ApprovalAnswer,
    ApprovalProven,
    ApprovalRequest,
    CancelProven,
    Credentials,
    Expected,
    NetCancelCodes,
    NetCancelRequest,
    judge_approval,
    judge_cancel,
    judge_net_cancel,
    net_cancel_body,
    sign,
)
from netcancel.kicc.text import redact
from tests.canaries import CARD, SECRET, TOKEN, leaks_in
from tests.kicc.examples import APPROVED, PAYMENT, VOIDED, answer, expected

OURS = {"token_key": TOKEN}


def requests() -> tuple[Any, ...]:
    """Make one of everything that holds a secret."""
    approval = ApprovalRequest(**PAYMENT | OURS)
    net_cancel = NetCancelRequest(**PAYMENT | OURS)
    return approval, net_cancel, Credentials(channel_id="CH_A1B2C3D4", secret_key=SECRET)


def test_secrets_do_not_show() -> None:
    """No text made of a request, credentials or an expectation shows its secret."""
    for thing in (*requests(), Expected.of(requests()[0])):
        shown = [repr(thing), str(thing), f"{thing}", f"{thing!r:>9}", str([thing, {1: thing}])]
        if not isinstance(thing, Expected):
            shown += [
                str(thing.model_dump()),
                thing.model_dump_json(),
                str(list(thing.__repr_args__())),
            ]
        assert leaks_in("".join(shown)) == []


def test_secrets_are_not_pickled() -> None:
    """Pickling what holds a secret fails and says so; a copy in the same process is made."""
    for thing in requests():
        says = f"^{type(thing).__name__} holds a secret and is not pickled$"
        with pytest.raises(TypeError, match=says) as caught:
            pickle.dumps(thing)
        assert leaks_in("".join(traceback.format_exception(caught.value))) == []
        assert copy.deepcopy(thing) == copy.copy(thing) == thing


def test_errors_show_no_value() -> None:
    """A refused value is in no error's text, arguments or chain, nor in our own frames."""
    bad: list[tuple[type[Any], dict[str, Any]]] = [
        (ApprovalRequest, PAYMENT | {"token_key": TOKEN + " "}),
        (ApprovalRequest, PAYMENT | OURS | {"tid": TOKEN}),
        (ApprovalRequest, PAYMENT | OURS | {"trx_amt": -31415}),
        (ApprovalRequest, PAYMENT | OURS | {"vat_amt": 31415}),
        (ApprovalRequest, PAYMENT | OURS | {"user_data": CARD}),
        (ApprovalRequest, PAYMENT | OURS | {"other": TOKEN}),
        (NetCancelRequest, PAYMENT | {"token_key": [TOKEN]}),
        (Credentials, {"channel_id": SECRET + " ", "secret_key": SECRET}),
        (Credentials, {"channel_id": "CH", "secret_key": SECRET + " "}),
    ]
    for kind, values in bad:
        with pytest.raises(InvalidRequest) as caught:
            kind(**values)
        error = caught.value
        assert error.__cause__ is None
        assert error.__context__ is None
        again = pickle.loads(pickle.dumps(error))  # noqa: S301  our own bytes
        assert (again.field, again.rule) == (error.field, error.rule)
        own = [f.frame.f_locals for f in caught.traceback if "netcancel" in str(f.path)]
        frames = [str(names) for names in own if "kind" not in names]
        shown = repr(error) + str(error) + repr(error.args) + "".join(frames)
        assert leaks_in(shown) == []
        assert "31415" not in repr(error)


def test_signature_shows_no_secret() -> None:
    """No header of the signature contains the key."""
    headers = sign(
        requests()[2],
        APPROVAL_PATH,
        b"{}",
        timestamp_ms=1703473200000,
        nonce="12345678-1234-4234-8234-123456789abc",
    )
    assert leaks_in(str(headers)) == []


# A gateway that echoes more than it should, in every place that it has.
CHATTY: dict[str, Any] = {
    "respMsg": f"approved {TOKEN} {CARD}",
    "tokenKey": TOKEN,
    "tokenHead": TOKEN[:20],
    "aprvNo": TOKEN,
    "vanTrxNo": TOKEN,
    "cardConfirmNo": CARD,
    "userData": f"card {CARD}",
    "cardNo": int(CARD),
    "cardFloat": float(CARD),
    "nested": {"list": [TOKEN, CARD, int(CARD), {CARD: TOKEN}], TOKEN: 1},
    CARD: "a key",
    TOKEN: "a key",
}


@pytest.mark.parametrize("code", ["0000", "8521", "9999"])
def test_answers_do_not_show_what_they_should_not(code: str) -> None:
    """Neither token nor full card number is in any verdict, wherever the gateway echoes it."""
    ours = expected(**OURS)
    for said in (APPROVED, VOIDED, APPROVED | {"trxAmt": 1}):
        reception = answer(said | CHATTY | {"respCd": code})
        for verdict in (
            judge_approval(reception, ours, MANUAL_DECLINE_CODES),
            judge_net_cancel(reception, ours, NetCancelCodes()),
            judge_cancel(reception, ours),
            judge_cancel(answer(CHATTY | {"respCd": code, "trxAmt": [TOKEN, CARD]}), ours),
        ):
            assert leaks_in(repr(verdict)) == []
            if isinstance(verdict, ApprovalProven | AmountDiffers):
                assert leaks_in(verdict.answer.to_json()) == []
                assert verdict.answer.card_confirm_no == "999072******8927"
                assert verdict.answer.aprv_no == "[removed]"
                assert verdict.answer.user_data == "card 999072******8927"
            if isinstance(verdict, CancelProven):
                assert verdict.extra["cardFloat"] == "[removed]"
                assert verdict.extra["cardNo"] == "999072******8927"


def test_token_is_removed_on_demand() -> None:
    """An answer loses any text that holds the secret or its beginning, and nothing else."""
    told = ApprovalAnswer.of(APPROVED | CHATTY)
    kept = told.without(TOKEN)
    assert leaks_in(kept.to_json()) == []
    assert kept.trx_amt == 10000
    assert kept.extra["tokenHead"] == "[removed]"
    assert ApprovalAnswer.of(APPROVED).without(TOKEN) == ApprovalAnswer.of(APPROVED)
    assert ApprovalAnswer.of(APPROVED).without("") == ApprovalAnswer.of(APPROVED)


def test_what_is_harmless_within_an_answer_stays() -> None:
    """Around what is removed, at any depth: lists, objects, whole numbers, floats and the like."""
    odd: Any = {"list": [TOKEN, "가", 1, 0.5, True, None, {CARD: CARD, "b": [[False]]}], TOKEN: -7}
    kept = ApprovalAnswer.of({"odd": odd}).without(TOKEN)
    masked = "999072******8927"
    assert kept.extra["odd"] == {
        "list": ["[removed]", "가", 1, 0.5, True, None, {masked: masked, "b": [[False]]}],
        "[removed]": -7,
    }


@pytest.mark.parametrize("sign", [1, -1])
def test_a_float_of_thirteen_digits_is_removed(sign: int) -> None:
    """It could be a card number; one of twelve can't."""
    told = ApprovalAnswer.of({"long": sign * 1e12, "short": sign * 999_999_999_999.0})
    kept = told.without(TOKEN).extra
    assert kept == {"long": "[removed]", "short": sign * 999_999_999_999.0}


@pytest.mark.parametrize("name", APPROVED)
def test_a_token_that_looks_like_a_fields_name_removes_no_field(name: str) -> None:
    """Only what the gateway made up is judged by its name: the manual's names give nothing away."""
    kept = ApprovalAnswer.of({name: "told"}).without(name)
    assert json.loads(kept.to_json()) == {name: "told"}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        *[(value, "^not an object$") for value in ("[]", "null", "1", '"{}"', "NaN")],
        ("[" * 100_000, "^nested too deep to be an answer$"),
        *[(value, "^Expecting ") for value in ("", "{")],  # as the reader says it
    ],
)
def test_only_an_object_is_an_answer(value: str, says: str) -> None:
    """What `to_json` never wrote raises ValueError, whatever it is."""
    with pytest.raises(ValueError, match=says):
        ApprovalAnswer.from_json(value)


FULL_WIDTH = str.maketrans("0123456789.-", "０１２３４５６７８９．－")
ODD_CARD = "1234567890123456"
"""Of no issuer's shape, and with a wrong check digit."""


@pytest.mark.parametrize("separator", ["", " ", "-", ".", "/", "\u200b", "x", "－"])
@pytest.mark.parametrize("card", [CARD, ODD_CARD, ODD_CARD[:13], ODD_CARD + "789"])
def test_a_confirmed_card_number_is_masked(card: str, separator: str) -> None:
    """However a gateway writes a whole number, only its first six and last four digits are kept."""
    written = separator.join(card)
    masked = card[:6] + "*" * (len(card) - 10) + card[-4:]
    for value in (written, written.translate(FULL_WIDTH)):
        assert confirmed(value) == masked
    assert confirmed(int(card)) == confirmed([*card]) == masked


@pytest.mark.parametrize("shown", ["1234-56**-****-1234", "123456789012", "", "카드 1234"])
def test_what_a_gateway_masked_stays(shown: str) -> None:
    """Fewer than thirteen digits are no card number."""
    assert confirmed(shown) == shown


def test_a_token_among_the_digits_of_a_card_is_removed() -> None:
    """Where a card number should be, too; other words beside the digits are left out."""
    assert confirmed(f"{TOKEN} {ODD_CARD}") == "[removed]"
    assert confirmed(f"card {ODD_CARD}") == "123456******3456"


def confirmed(value: Any) -> Any:
    """Return what is kept of an approval's cardConfirmNo."""
    reception = answer(APPROVED | {"cardConfirmNo": value})
    verdict = judge_approval(reception, expected(**OURS), MANUAL_DECLINE_CODES)
    assert isinstance(verdict, ApprovalProven)
    return verdict.answer.card_confirm_no


@pytest.mark.parametrize("card", ["4222222222222", "378282246310005", "6304000000000000000"])
def test_a_card_number_is_masked_whatever_its_length(card: str) -> None:
    """From thirteen digits to nineteen, with nothing around it."""
    assert redact(card, "") == card[:6] + "*" * (len(card) - 10) + card[-4:]


@pytest.mark.parametrize("separator", ["", " ", "-", "."])
def test_card_numbers_in_texts_are_masked(separator: str) -> None:
    """In one piece or in groups, with half-width or full-width characters."""
    groups = separator.join(CARD[n : n + 4] for n in range(0, 16, 4))
    for written in (groups, groups.translate(FULL_WIDTH), groups.replace(" ", "　")):
        text = f"Ａ．카드 {written}－승인 {written}"
        assert redact(text, "") == "Ａ．카드 999072******8927－승인 999072******8927"
        with pytest.raises(InvalidRequest, match="must not hold a card number"):
            ApprovalRequest(**PAYMENT | OURS | {"user_data": text})


def test_van_number_is_kept_whole() -> None:
    """The VAN's transaction number is never masked: a cancel must name the payment by it."""
    verdict = judge_approval(
        answer(APPROVED | {"vanTrxNo": CARD}), expected(), MANUAL_DECLINE_CODES
    )
    assert isinstance(verdict, ApprovalProven)
    assert verdict.answer.van_trx_no == CARD


def test_expectation_is_made_of_request_or_body() -> None:
    """A frozen net-cancel body expects the same echo as the approval that it came from."""
    request = ApprovalRequest(**PAYMENT | OURS)
    ours = Expected.of(request)
    assert ours == Expected.of_body(net_cancel_body(request.to_body()))
    assert ours == expected(**OURS)
    with pytest.raises(InvalidRequest, match=r"^body: is empty$"):
        Expected.of_body(b"")
