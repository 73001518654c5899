"""Whatever a command is given: one sentence, a documented exit code, and nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel.journal.contract import Journal
    from netcancel.sandbox import Sandbox
    from tests.cli.conftest import Plant, Run

NO_UTF_8: Final = "\udcff"
"""What Python makes of a byte in the arguments that is not UTF-8."""

ODD: Final = {
    "not UTF-8": NO_UTF_8,
    "a control character": "A\a",
    "two lines": "A\nB",
    "nothing": "",
    "a space": " ",
    "reversed": "\u202eA",
    "very long": "A" * 5_000,
    "full-width": "\uff21",
    "huge": "9" * 30,
}
SEEN: Final = ("--seen", "3.f00d")
RESOLVE: Final = ("resolve", "A", "--as", "no-charge")

WITH_A_TEXT: Final = {
    "show": ("show", "{}"),
    "cancel": ("cancel", "{}"),
    "cancel under": ("cancel", "A", "--cancel-trx-no", "{}"),
    "retry": ("retry", "{}", *SEEN, "--by", "Kim"),
    "retry by": ("retry", "A", *SEEN, "--by", "{}"),
    "retry seen": ("retry", "A", "--seen", "{}", "--by", "Kim"),
    "resolve": ("resolve", "{}", *RESOLVE[2:], *SEEN, "--note", "x", "--by", "Kim"),
    "resolve by": (*RESOLVE, *SEEN, "--note", "x", "--by", "{}"),
    "resolve note": (*RESOLVE, *SEEN, "--note", "{}", "--by", "Kim"),
    "resolve seen": (*RESOLVE, "--seen", "{}", "--note", "x", "--by", "Kim"),
    "resolve as": ("resolve", "A", "--as", "{}", *SEEN, "--note", "x", "--by", "Kim"),
    "explain": ("explain", "{}"),
    "list state": ("list", "--state", "{}"),
    "list limit": ("list", "--limit", "{}"),
    "approve number": ("approve", "--merc-trx-no", "{}", "--trx-amt", "1", "--vat-amt", "0",
                       "--token-file", "token"),
    "approve amount": ("approve", "--merc-trx-no", "B", "--trx-amt", "{}", "--vat-amt", "0",
                       "--token-file", "token"),
    "approve file": ("approve", "{}"),
    "approve token": ("approve", "--merc-trx-no", "B", "--trx-amt", "1", "--vat-amt", "0",
                      "--token-file", "{}"),
    "net-cancel file": ("net-cancel", "{}"),
    "net-cancel date": ("net-cancel", "--merc-trx-no", "B", "--trx-amt", "1", "--vat-amt", "0",
                        "--token-file", "token", "--svc-amt", "0", "--alot-month", "00",
                        "--tran-dt", "{}", "--tran-tm", "000000"),
    "reconcile": ("reconcile", "{}"),
    "reconcile profile": ("reconcile", "file.csv", "--profile", "{}"),
    "reconcile from": ("reconcile", "file.csv", "--from", "{}"),
    "reconcile by": ("reconcile", "file.csv", "--reopen", "--by", "{}"),
    "reconcile csv": ("reconcile", "file.csv", "--csv", "nowhere{}/x"),
    "reconcile column": ("reconcile", "file.csv", "--number-column", "{}"),
    "reconcile delimiter": ("reconcile", "file.csv", "--delimiter", "{}"),
    "reconcile encoding": ("reconcile", "file.csv", "--encoding", "{}"),
    "reconcile date format": ("reconcile", "file.csv", "--date-format", "{}"),
    "sandbox fault": ("sandbox", "--fault", "{}"),
    "sandbox port": ("sandbox", "--port", "{}"),
    "demo": ("demo", "--payments", "{}"),
    "worker": ("worker", "--journal", "{}"),
    "status": ("status", "--base-url", "{}"),
    "status journal": ("status", "--journal", "sqlite:///{}"),
    "status channel": ("status", "--channel-id", "{}"),
    "settings": ("list", "--timeout-seconds", "{}"),
    "config": ("list", "--config", "{}"),
    "a command": ("{}",),
    "an option": ("list", "--{}", "x"),
}  # fmt: skip


FINE: Final = {
    *(
        (f"{command} by", odd)
        for command in ("retry", "reconcile")
        for odd in ("full-width", "huge")
    ),
    ("approve number", "huge"),
    ("status channel", "huge"),
}
"""A name may be written so, and digits are a number like any other."""

CASES: Final = [(command, odd) for command in WITH_A_TEXT for odd in ODD]


@pytest.fixture
def version(place: Path, van: Sandbox, journal: Journal, plant: Plant) -> Iterator[str]:
    """Plant an escalated payment and give its version; see that nothing was changed or sent."""
    (place / "file.csv").write_text("mercTrxNo,trxAmt,tranDt\nA,10000,20260102\n")
    planted = plant("A", "escalated").version
    yield str(planted)
    assert van.requests() == []
    assert [payment.version for payment in journal.list_payments().result(10)] == [planted]


@pytest.mark.parametrize(("command", "odd"), [case for case in CASES if case not in FINE])
def test_an_odd_text(run: Run, version: str, command: str, odd: str) -> None:
    """No traceback, whatever it is; who is asked for and isn't there is a no."""
    arguments = [
        each.replace("{}", ODD[odd]).replace("3.f00d", version) for each in WITH_A_TEXT[command]
    ]
    ran = run(*arguments)
    assert ran.code in {1, 2}
    assert (ran.out, ran.err.count("\n")) == ("", 1)
    assert ran.err.startswith("netcancel: ")
    assert ran.err.rstrip("\n").isprintable()


BROKEN: Final = {
    "empty": b"",
    "half": b'{"mercTrxNo":"A',
    "half of a file": b"mercTrxNo,trxAmt,tranDt\nA,10000,20260102\nB,100",
    "not UTF-8": b"\xff\xfe\x00",
    "EUC-KR": "주문번호,금액\n".encode("euc-kr"),
    "a NUL": b"\0",
    "a list": b"[1]",
    "deep": b"[" * 60_000,
    "other columns": b"number,amount\nA,10000\n",
    "a web page": b"<!doctype html>\n<title>Login</title>\n",
}
FROM_A_FILE: Final = {
    "approve": ("approve", "given"),
    "approve, token": ("approve", "--merc-trx-no", "B", "--trx-amt", "1", "--vat-amt", "0",
                       "--token-file", "given"),
    "net-cancel": ("net-cancel", "given"),
    "reconcile": ("reconcile", "given"),
    "reconcile and re-open": ("reconcile", "given", "--reopen", "--by", "Kim"),
    "reconcile, profile": ("reconcile", "file.csv", "--profile", "given", "--number-column", "x"),
    "list, config": ("list", "--config", "given"),
    "worker, config": ("worker", "--config", "given"),
    "list, vault key": ("list", "--vault-key-file", "given"),
}  # fmt: skip


FINE_CONTENTS: Final = {
    ("list, config", "empty"),
    ("worker, config", "empty"),
    ("approve, token", "half"),
    ("approve, token", "a list"),
}
"""Nothing need be set in a file, and a token may be any printable text without spaces."""

FILE_CASES: Final = [(command, content) for command in FROM_A_FILE for content in BROKEN]


@pytest.mark.parametrize(
    ("command", "content"), [case for case in FILE_CASES if case not in FINE_CONTENTS]
)
@pytest.mark.usefixtures("version")
def test_a_broken_file(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch, command: str, content: str
) -> None:
    """Of half a file, or one of something else, nothing is done: exit 2 and one sentence."""
    (place / "given").write_bytes(BROKEN[content])
    (place / "given").chmod(0o600)
    if command == "list, vault key":
        monkeypatch.delenv("NETCANCEL_VAULT_KEY")
    ran = run(*FROM_A_FILE[command])
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert ran.err.startswith("netcancel: ")
    assert ran.err.rstrip("\n").isprintable()
