"""approve and net-cancel: inputs, exit codes, and that no token is ever shown."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.canaries import CARD, SECRET, TOKEN

if TYPE_CHECKING:
    from pathlib import Path

    from netcancel.sandbox import Sandbox
    from tests.cli.conftest import Plant, Run

FLAGS = ("--merc-trx-no", "A", "--trx-amt", "10000", "--vat-amt", "909", "--token-file", "token")
BODY: dict[str, Any] = {"mercTrxNo": "A", "trxAmt": 10_000, "vatAmt": 909, "tokenKey": TOKEN}
ELEVEN = BODY | {
    "svcAmt": 0,
    "alotMonth": "00",
    "tranDt": "20260102",
    "tranTm": "030405",
}


def as_json(body: dict[str, Any]) -> bytes:
    """Write a body as a file holds it."""
    return json.dumps(body).encode()


def test_an_approval_from_flags(run: Run, van: Sandbox) -> None:
    """Flags and a token file charge the card once; the exit code is 0."""
    ran = run("approve", *FLAGS)
    assert (ran.code, ran.err) == (0, "")
    assert "A is approved: approval 10000001" in ran.out
    [charge] = van.charges()
    assert (charge["merc_trx_no"], charge["trx_amt"], charge["status"]) == ("A", 10_000, "live")
    assert json.loads(van.requests()[0]["body"])["tokenKey"] == TOKEN


SAID = {"Declined": "declined", "NetCancelled": "net-cancelled", "Cancelled": "refunded"}


@pytest.mark.parametrize("by_stdin", [True, False])
def test_an_approval_from_json(run: Run, van: Sandbox, place: Path, *, by_stdin: bool) -> None:
    """A file or the standard input may hold all; flags win over it."""
    (place / "order.json").write_bytes(as_json(BODY))
    source = "-" if by_stdin else "order.json"
    ran = run("approve", source, "--trx-amt", "20000", "--json", stdin=as_json(BODY))
    assert ran.code == 0
    assert ran.document["outcome"] == "Approved"
    assert ran.document["answer"]["aprvNo"] == "10000001"
    assert van.charges()[0]["trx_amt"] == 20_000


def test_a_token_from_the_standard_input(run: Run, van: Sandbox) -> None:
    """--token-file - reads the token alone."""
    ran = run("approve", *FLAGS[:-1], "-", stdin=TOKEN.encode() + b"\n")
    assert ran.code == 0
    assert json.loads(van.requests()[0]["body"])["tokenKey"] == TOKEN


def test_the_same_call_again_sends_nothing(run: Run, van: Sandbox) -> None:
    """What is known is told again; other data are refused."""
    assert run("approve", *FLAGS).code == 0
    assert run("approve", *FLAGS).code == 0
    other = run("approve", *FLAGS, "--svc-amt", "1")
    assert other.code == 2
    assert "other data" in other.err
    assert len(van.requests()) == 1


OUTCOMES = {
    "decline": (1, "Declined"),
    "commit-then-reset": (1, "NetCancelled"),
    "wrong-amount": (1, "Cancelled"),
}


@pytest.mark.parametrize("fault", OUTCOMES)
@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_no_is_exit_1(run: Run, van: Sandbox, fault: str, options: tuple[str, ...]) -> None:
    """Declined, net-cancelled and refunded payments end with 1."""
    van.inject(fault)
    ran = run("approve", *FLAGS, *options)
    code, outcome = OUTCOMES[fault]
    assert ran.code == code
    if options:
        assert ran.document["outcome"] == outcome
    else:
        assert SAID[outcome] in ran.out


def test_doubt_is_exit_3(run: Run, van: Sandbox) -> None:
    """A net-cancel that isn't acknowledged leaves the payment in doubt, and says who goes on."""
    van.inject("commit-then-reset")
    van.inject("net-cancel-refused")
    ran = run("approve", *FLAGS)
    assert ran.code == 3
    assert "in doubt" in ran.out
    assert "netcancel worker carries on" in ran.out
    assert run("list", "--in-doubt", "--json").document["payments"][0]["merc_trx_no"] == "A"


REFUSED: list[tuple[tuple[str, ...], bytes, str]] = [
    ((), b"", "no token"),
    (("--token-file", "nowhere"), b"", "'nowhere' can't be read"),
    (("-", "--token-file", "-"), b"", "standard input can't hold both"),
    (("-", "--token-file", "token"), as_json(BODY), "the token is given twice"),
    (("--token-key", TOKEN), b"", "a token is refused on the command line"),
    (("-",), b"{", "the input is not one JSON object"),
    (("-",), b'{"mercTrxNo":"A","mercTrxNo":"B"}', "the input is not one JSON object"),
    (("-",), b"x" * 70_000, "is larger than any request"),
    (("-",), as_json(BODY | {"tid": "T1"}), "a field that doesn't belong here; known: "),
    (("-",), as_json(BODY | {"merc_trx_no": "B"}), "merc_trx_no: is given twice"),
    (("-",), as_json({"tokenKey": TOKEN}), "not given: merc_trx_no, trx_amt, vat_amt"),
    (("-",), as_json(BODY | {"trxAmt": 1.5}), "trx_amt: must be an int"),
    (("-",), as_json(BODY | {"trxAmt": True}), "trx_amt: must be an int"),
    (("-",), as_json(BODY | {"trxAmt": "10"}), "trx_amt: must be an int"),
    (("-",), as_json(BODY | {"tokenKey": TOKEN + " "}), "token_key: "),
    (("-",), as_json(BODY | {"userData": CARD}), "user_data: must not hold a card number"),
    (("-", "--trx-amt", "1e4"), as_json(BODY), "trx_amt: must be whole KRW, digits only"),
    (("-", "--trx-amt", "-1"), as_json(BODY), "trx_amt"),
    (("-", "--trx-amt", "10_000"), as_json(BODY), "trx_amt: must be whole KRW, digits only"),
    (("-", "--timeout-seconds", "30s"), as_json(BODY), "--timeout-seconds must be a number"),
    (("-", "--secret-key", SECRET), as_json(BODY), "--secret-key is refused"),
    (("-", "--journal", "memory://"), as_json(BODY), "private to one guard"),
    (("-", "--journal", "oracle://x"), as_json(BODY), "a journal is one of"),
    (("-", "--base-url", "http://gateway.example"), as_json(BODY), "https://"),
    (("-", "--lease-seconds", "1"), as_json(BODY), "lease_seconds must be at least"),
]


@pytest.mark.parametrize(("arguments", "stdin", "part"), REFUSED, ids=lambda v: str(v)[-30:])
def test_a_bad_approval_is_refused(
    run: Run, van: Sandbox, arguments: tuple[str, ...], stdin: bytes, part: str
) -> None:
    """Exit 2 and one sentence without the value; nothing is written or sent."""
    ran = run("approve", *arguments, stdin=stdin)
    assert (ran.code, ran.out) == (2, "")
    assert part in ran.err
    assert ran.err.count("\n") == 1
    assert van.requests() == []


def test_another_key_is_refused(run: Run, van: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that was made with one vault key isn't opened with another."""
    assert run("approve", *FLAGS).code == 0
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    monkeypatch.setenv("NETCANCEL_VAULT_KEY", other)
    ran = run("list")
    assert ran.code == 2
    assert "another vault key" in ran.err
    assert other not in ran.err
    assert len(van.charges()) == 1


def test_an_unreadable_journal_is_refused(run: Run, van: Sandbox, place: Path) -> None:
    """A file of something else is left as it is, and nothing is sent."""
    (place / "netcancel.db").write_text("something else entirely, and long enough to be one")
    (place / "netcancel.db").chmod(0o600)
    for arguments in (("approve", *FLAGS), ("list",), ("net-cancel", "-")):
        ran = run(*arguments, stdin=as_json(ELEVEN))
        assert ran.code == 2
        assert ran.err.startswith("netcancel: ")
    assert van.requests() == []


def test_a_net_cancel_sends_exactly_the_given_fields(run: Run, van: Sandbox) -> None:
    """The eleven fields are sent as they are given, once; seller's ids come from the settings."""
    ran = run("net-cancel", "-", stdin=as_json(ELEVEN))
    assert ran.code == 0
    assert "A is net-cancelled" in ran.out
    [request] = van.requests()
    seller = {"tid": "T123456789", "svcId": "SVC_SIMPLE", "bizrNo": "1234567890"}
    assert json.loads(request["body"]) == ELEVEN | seller
    assert request["endpoint"] == "net-cancel"


def test_a_net_cancel_from_flags(run: Run, van: Sandbox) -> None:
    """Flags alone serve too, with --json."""
    flags = ("--svc-amt", "0", "--tran-dt", "20260102", "--tran-tm", "030405")
    ran = run("net-cancel", *FLAGS, *flags, "--alot-month", "00", "--json")
    assert ran.code == 0
    assert ran.document == {
        "merc_trx_no": "A",
        "verdict": "acknowledged",
        "code": "0000",
        "message": ran.document["message"],
    }
    assert len(van.requests()) == 1


@pytest.mark.parametrize(
    ("fault", "code", "verdict"),
    [("net-cancel-refused", 1, "refused"), ("net-cancel-silence", 3, "lost")],
)
def test_a_net_cancel_is_not_repeated(
    run: Run, van: Sandbox, fault: str, code: int, verdict: str
) -> None:
    """Refused is 1, lost is 3; either way one request was sent."""
    van.inject(fault, times=2)
    ran = run("net-cancel", "-", "--json", stdin=as_json(ELEVEN))
    assert ran.code == code
    assert ran.document["verdict"] == verdict
    assert run("net-cancel", "-", stdin=as_json(ELEVEN)).code == code
    assert len(van.requests()) == 2


def test_a_net_cancel_of_a_known_number_is_refused(run: Run, van: Sandbox, plant: Plant) -> None:
    """What the journal knows is recovery's: nothing is sent, and retry is named."""
    plant("A", "escalated")
    ran = run("net-cancel", "-", stdin=as_json(ELEVEN))
    assert ran.code == 2
    assert "it is escalated" in ran.err
    assert "netcancel retry" in ran.err
    assert van.requests() == []


@pytest.mark.usefixtures("journal")
def test_a_net_cancel_of_an_unknown_number_asks_the_journal(run: Run, van: Sandbox) -> None:
    """A journal that is there and doesn't know the number is no obstacle."""
    assert run("net-cancel", "-", stdin=as_json(ELEVEN)).code == 0
    assert len(van.requests()) == 1


def test_a_net_cancel_needs_every_field(run: Run, van: Sandbox) -> None:
    """Without exactly the approval's data nothing is sent (spec 2.2)."""
    for name in ELEVEN:
        body = {key: value for key, value in ELEVEN.items() if key != name}
        ran = run("net-cancel", "-", stdin=as_json(body))
        if name == "alotMonth":
            assert ran.code == 0  # the manual's default, a lump sum
        else:
            assert (ran.code, ran.out) == (2, "")
    assert len(van.requests()) == 1
