"""reconcile: what it says of a settlement file, and that it never says half of it."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from netcancel import Guard
from netcancel.cli import reconciling
from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change
from netcancel.reconcile import Kind
from netcancel.reconcile import reconcile as compare
from netcancel.reconcile.findings import Findings
from netcancel.sandbox import Sandbox
from netcancel.settings import Settings
from tests.canaries import TOKEN
from tests.cli.conftest import TID
from tests.reconcile.samples import DAY, charge, plant, text_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from netcancel.journal.contract import Journal
    from tests.cli.conftest import Run


@pytest.fixture
def file(place: Path) -> Callable[..., str]:
    """Return what writes a settlement file that charges numbers."""

    def write_one(*numbers: str, amount: int = 10_000) -> str:
        rows = [(TID, number, amount, DAY, "12345678") for number in numbers]
        (place / "file.csv").write_bytes(text_of(rows))
        return "file.csv"

    return write_one


def test_all_matches(run: Run, journal: Journal, file: Callable[..., str]) -> None:
    """Exit 0, and the counts."""
    plant(journal, "A", State.APPROVED)
    ran = run("reconcile", file("A"))
    assert (ran.code, ran.err) == (0, "")
    assert "nothing differs" in ran.out
    assert f"{DAY} to {DAY}, all terminals" in ran.out
    document = run("reconcile", file("A"), "--json").document
    assert document == {
        "covered": {"from": DAY, "to": DAY, "tids": None},
        "rows": 1,
        "numbers": 1,
        "payments": 1,
        "matched": 1,
        "by_kind": dict.fromkeys(Kind, 0),
        "differences": [],
    }


def test_what_differs_is_told(run: Run, journal: Journal, file: Callable[..., str]) -> None:
    """Exit 1; the counts come first, then the lines, the gravest kind first."""
    void = plant(journal, "void", State.NET_CANCELLED)
    plant(journal, "sold", State.APPROVED)
    ran = run("reconcile", file("nobody's", "void"))
    assert ran.code == 1
    order = ["matched", "numbers   meaning", "charged-but-voided: ", "unknown-number: "]
    places = [ran.out.index(each) for each in order]
    assert places == sorted(places)
    [line] = [line for line in ran.out.splitlines() if " void " in line]
    assert line.split() == ["3", "void", TID, "net_cancelled", DAY, "10,000", "10,000", "0"]
    document = run("reconcile", file("nobody's", "void"), "--json").document
    assert [row["kind"] for row in document["differences"]] == [
        *(Kind.CHARGED_BUT_VOIDED, Kind.APPROVED_BUT_NOT_CHARGED, Kind.UNKNOWN_NUMBER)
    ]
    assert document["differences"][0] == {
        "kind": "charged-but-voided",
        "tid": TID,
        "merc_trx_no": "void",
        "line": 3,
        "charges": 1,
        "charged": 10_000,
        "refunds": 0,
        "refunded": 0,
        "standing_charge": 10_000,
        "aprv_no": "12345678",
        "state": "net_cancelled",
        "resolution": None,
        "approved_amt": 10_000,
        "tran_dt": DAY,
        "version": str(void.version),
        "world": void.world,
    }


def test_a_payment_of_a_newer_netcancel_ends_no_report(
    run: Run, journal: Journal, place: Path, file: Callable[..., str]
) -> None:
    """It is named as what this version can't read, between those that it can."""
    for number in ("A", "B", "C"):
        plant(journal, number, State.APPROVED)
    with closing(sqlite3.connect(place / "netcancel.db", isolation_level=None)) as newer:
        newer.execute("PRAGMA ignore_check_constraints=1")
        newer.execute("UPDATE payment SET state = 'haggling' WHERE merc_trx_no = 'B'")
    document = run("reconcile", file("A", "B"), "--json").document
    assert (document["payments"], document["matched"]) == (3, 1)
    told = [(row["kind"], row["merc_trx_no"], row["state"]) for row in document["differences"]]
    assert told == [("approved-but-not-charged", "C", "approved"), ("unreadable", "B", None)]
    ran = run("reconcile", file("A", "B"), "--csv", "out.csv", "--reopen", "--by", "Kim")
    assert (ran.code, ran.err) == (1, "")
    assert "a newer netcancel wrote it" in ran.out


@pytest.mark.parametrize(
    ("options", "lines", "more"),
    [
        ((), 20, 2_480),
        (("--limit", "3"), 3, 2_497),
        (("--limit", "0"), 0, 2_500),
        (("--all",), 2_500, 0),
    ],
)
@pytest.mark.usefixtures("journal")
def test_how_much_is_printed(
    run: Run, file: Callable[..., str], options: tuple[str, ...], lines: int, more: int
) -> None:
    """At most --limit lines of each kind, and how many more there are; with --all each of them."""
    ran = run("reconcile", file(*(f"N{n:04}" for n in range(2_500))), *options)
    assert sum(TID in line for line in ran.out.splitlines()) == lines
    assert (f"{more:,} more" in ran.out) is (more > 0)
    assert len({line.split()[1] for line in ran.out.splitlines() if TID in line}) == lines


def left_in(place: Path) -> set[str]:
    """Return the files of a directory but the journal's."""
    names = {each.name for each in place.iterdir()}
    return {name for name in names if not name.startswith("netcancel.db")}


FORMULAS = ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "'=1"]


@pytest.mark.usefixtures("journal")
def test_the_csv_does_nothing_in_a_spreadsheet(
    run: Run, place: Path, file: Callable[..., str]
) -> None:
    """Each cell that could be a formula begins with a quote; all differences are there."""
    (place / "out.csv").write_text("what was there before")
    ran = run("reconcile", file(*FORMULAS, "plain"), "--csv", "out.csv", "--limit", "0")
    assert ran.code == 1
    content = (place / "out.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
    expected = [*(f"'{each}" for each in FORMULAS[:4]), FORMULAS[4], "plain"]
    assert sorted(row["merc_trx_no"] for row in rows) == sorted(expected)
    assert {row["kind"] for row in rows} == {"unknown-number"}
    assert not any(cell[:1] in {"=", "+", "-", "@", "\t"} for row in rows for cell in row.values())
    assert (place / "out.csv").stat().st_mode & 0o777 == 0o600
    assert left_in(place) == {"file.csv", "out.csv"}


@pytest.mark.usefixtures("journal")
def test_a_csv_that_can_not_be_written(run: Run, place: Path, file: Callable[..., str]) -> None:
    """Exit 2, and the settlement file is never the one that is replaced."""
    for target, part in [
        ("nowhere/out.csv", "can't be written"),
        (".", "can't be written"),
        ("./file.csv", "settlement file itself"),
    ]:
        ran = run("reconcile", file("A"), "--csv", target)
        assert (ran.code, ran.out) == (2, "")
        assert part in ran.err
    assert (place / "file.csv").read_bytes().startswith(b"tid,")
    assert left_in(place) == {"file.csv"}


@pytest.mark.parametrize(
    "options", [(), ("--json",), ("--csv", "out.csv"), ("--reopen", "--by", "me")]
)
def test_of_a_broken_file_nothing_is_said(
    run: Run, journal: Journal, place: Path, options: tuple[str, ...]
) -> None:
    """Exit 2 with the line; no count, no file, and no payment changes."""
    void = plant(journal, "void", State.NET_CANCELLED)
    whole = text_of([(TID, "void", 10_000, DAY, ""), (TID, "B", 10_000, DAY, "")])
    (place / "file.csv").write_bytes(whole[:-4])
    ran = run("reconcile", "file.csv", *options)
    assert (ran.code, ran.out) == (2, "")
    assert "line 3: the file ends in the middle" in ran.err
    assert not (place / "out.csv").exists()
    assert run("show", "void", "--json").document["version"] == str(void.version)


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("nothing.csv",), "'nothing.csv' can't be read"),
        ((".",), "can't be read"),
        (("file.csv", "--from", "2023-12-25"), "yyyyMMdd"),
        (("file.csv", "--from", "20240101"), "in order"),
        (("file.csv", "--profile", "nothing.toml"), "'nothing.toml' can't be read"),
        (("file.csv", "--delimiter", "xx"), "delimiter"),
        (("file.csv", "--encoding", "utf-16"), "cp949"),
        (("file.csv", "--kind-column", "x"), "go together"),
        (("file.csv", "--date-column", "x"), "--date-column"),
        (("file.csv", "--limit", "-1"), "--limit"),
        (("file.csv", "--reopen"), "--by NAME"),
        (("file.csv", "--by", "me"), "--reopen"),
        (("file.csv", "--journal", "memory://"), "private to one guard"),
    ],
)
@pytest.mark.usefixtures("journal")
def test_wrong_usage(
    run: Run, file: Callable[..., str], arguments: tuple[str, ...], part: str
) -> None:
    """Exit 2 with a sentence."""
    file("A")
    ran = run("reconcile", *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert part in ran.err


def test_it_never_makes_a_journal(run: Run, place: Path, file: Callable[..., str]) -> None:
    """Against an empty one every sale would be unknown."""
    ran = run("reconcile", file("A"))
    assert ran.code == 2
    assert "there is no journal" in ran.err
    assert left_in(place) == {"file.csv"}
    assert not (place / "netcancel.db").exists()


PROFILE = """
number_column = "주문번호"
amount_column = "금액"
date_column = "거래일자"
date_format = "yyyy-MM-dd"
kind_column = "구분"
refund_value = "취소"
encoding = "cp949"
delimiter = "|"
"""


def test_a_file_as_it_comes(run: Run, journal: Journal, place: Path) -> None:
    """A profile maps Korean columns in CP949; without terminals it is the merchant's own file."""
    plant(journal, "A", State.APPROVED)
    plant(journal, "B", State.CANCELLED)
    plant(journal, "C", State.APPROVED, tid="T2")
    (place / "van.toml").write_text(PROFILE, encoding="utf-8")
    text = (
        "주문번호|금액|거래일자|구분\r\nA|10,000|2023-12-25|승인\r\n"
        "B|10,000|2023-12-25|승인\r\nB|10,000|2023-12-25|취소\r\n"
    )
    (place / "file.csv").write_bytes(text.encode("cp949"))
    ran = run("reconcile", "file.csv", "--profile", "van.toml", "--json")
    assert ran.code == 0
    assert ran.document["covered"]["tids"] == [TID]
    assert ran.document["matched"] == 2
    ran = run("reconcile", "file.csv", "--profile", "van.toml", "--only-tid", "T2")
    assert ran.code == 1
    assert "terminal T2" in ran.out
    (place / "file.csv").write_bytes(text.encode())
    wins = ("--encoding", "utf-8", "--refund-value", "환불", "--refund-value", "취소")
    assert run("reconcile", "file.csv", "--profile", "van.toml", *wins).code == 0


def test_orphans_are_re_opened_on_request_only(
    run: Run, journal: Journal, file: Callable[..., str]
) -> None:
    """Each net-cancelled payment that is charged is owed again; nothing else changes."""
    for number, state in [
        ("void", State.NET_CANCELLED),
        ("void-2", State.NET_CANCELLED),
        ("quiet", State.NET_CANCELLED),
        ("settling", State.SETTLING),
        ("declined", State.DECLINED),
        ("resolved", State.RESOLVED),
    ]:
        plant(journal, number, state)
    before = states_of(run)
    charged = file("void", "void-2", "settling", "declined", "resolved")
    assert run("reconcile", charged).code == 1
    assert states_of(run) == before
    ran = run("reconcile", charged, "--reopen", "--by", "Kim")
    assert ran.code == 1
    assert f"void of {TID} is owed a net-cancel again" in ran.out
    assert states_of(run) == before | {"void": "net_cancelling", "void-2": "net_cancelling"}
    shown = run("show", "void", "--json").document
    assert shown["due_at"] <= shown["read_at"]
    assert "Kim" in shown["history"][-1]["note"]
    assert "10000" in shown["history"][-1]["note"]
    again = run("reconcile", charged, "--reopen", "--by", "Kim")
    assert "nothing to re-open" in again.out
    document = run("reconcile", charged, "--reopen", "--by", "Kim", "--json").document
    assert (document["reopened"], document["overtaken"]) == ([], 0)
    assert document["by_kind"]["charged-but-in-doubt"] == 2


def states_of(run: Run) -> dict[str, str]:
    """Return every payment's state."""
    rows = run("list", "--json").document["payments"]
    return {row["merc_trx_no"]: row["state"] for row in rows}


def test_what_was_compared_is_what_is_re_opened(journal: Journal) -> None:
    """A payment that somebody moved after its page was read is left to them, and counted."""
    void = plant(journal, "void", State.NET_CANCELLED)
    plant(journal, "void-2", State.NET_CANCELLED)
    with Findings() as findings:
        compare([charge("void"), charge("void-2")], journal, tell=findings.add)
        late = Change(due_seconds=60.0, begins_debt=True)
        moved = journal.move_if_unchanged(void, Event.LATE_APPROVAL, "beef", late).result(10)
        assert moved is not None
        reopened = reconciling._reopen(journal, findings, "Kim")
    assert (reopened.numbers, reopened.overtaken) == ([(TID, "void-2")], 1)
    seen = journal.find(TID, "void").result(10)
    assert seen is not None
    assert seen.version == moved.version


def test_a_name_that_can_not_be_written_down(
    run: Run, journal: Journal, file: Callable[..., str]
) -> None:
    """Exit 2, and the orphan stays as it is."""
    void = plant(journal, "void", State.NET_CANCELLED)
    ran = run("reconcile", file("void"), "--reopen", "--by", "a\nb")
    assert (ran.code, ran.out) == (2, "")
    assert "must be a name" in ran.err
    assert run("show", "void", "--json").document["version"] == str(void.version)


@pytest.fixture
def forgetful(place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """Return a gateway that charges a late approval although it was net-cancelled before."""
    with Sandbox(net_cancel_memory="forgetful") as van:
        for name, value in {
            "BASE_URL": van.base_url,
            "CHANNEL_ID": van.credentials.channel_id,
            "SECRET_KEY": van.credentials.secret_key,
            "SVC_ID": van.merchant.svc_id,
            "BIZR_NO": van.merchant.bizr_no,
            "SETTLE_SECONDS": "0",
        }.items():
            monkeypatch.setenv(f"NETCANCEL_{name}", value)
        (place / "token").write_text(TOKEN + "\n")
        yield van


def test_an_orphan_is_found_and_voided(run: Run, place: Path, forgetful: Sandbox) -> None:
    """What no protocol could see, settlement shows: re-opened, it is net-cancelled by recovery."""
    forgetful.inject("processing-delayed", loss="reset", until="net-cancel")
    flags = (
        "--merc-trx-no",
        "A",
        "--trx-amt",
        "10000",
        "--vat-amt",
        "909",
        "--token-file",
        "token",
    )
    assert run("approve", *flags).code == 1
    assert run("show", "A", "--json").document["state"] == "net_cancelled"
    forgetful.wait_until_idle()
    [late] = forgetful.charges()
    assert late["status"] == "live"

    header = ("mercTrxNo", "trxAmt", "tranDt", "aprvNo")
    day = run("show", "A", "--json").document["tran_dt"]
    rows = [(late["merc_trx_no"], late["trx_amt"], day, late["aprv_no"])]
    (place / "file.csv").write_bytes(text_of(rows, header))
    ran = run("reconcile", "file.csv", "--json")
    assert ran.code == 1
    assert [row["kind"] for row in ran.document["differences"]] == ["charged-but-voided"]
    ran = run("reconcile", "file.csv", "--json", "--reopen", "--by", "Kim")
    assert ran.document["reopened"] == [{"tid": TID, "merc_trx_no": "A"}]

    with Guard(**Settings.load().for_guard(), recovery="off") as guard:
        report = guard.recover()
    assert report.claimed == 1
    assert [each["status"] for each in forgetful.charges()] == ["voided"]
    shown = run("show", "A", "--json").document
    assert shown["state"] == "net_cancelled"
    assert shown["answer"]["aprvNo"] == late["aprv_no"]


@pytest.mark.usefixtures("journal")
def test_a_settlements_text_does_nothing_to_a_terminal(run: Run, place: Path) -> None:
    """Markup in a number is shown, not obeyed; what can't be shown is refused with its line."""
    (place / "file.csv").write_bytes(text_of([(TID, "[bold]x[/bold]", 1, DAY, "")]))
    assert "[bold]x[/bold]" in run("reconcile", "file.csv").out
    (place / "file.csv").write_bytes(text_of([(TID, "\x1b[31mred", 1, DAY, "")]))
    ran = run("reconcile", "file.csv")
    assert ran.code == 2
    assert "\x1b" not in ran.err


def test_the_document_is_ascii(run: Run, journal: Journal, place: Path) -> None:
    """Nothing in it acts on a terminal, whatever a number is."""
    plant(journal, "A", State.APPROVED)
    (place / "file.csv").write_bytes(text_of([(TID, "주문-1", 1, DAY, "")]))
    ran = run("reconcile", "file.csv", "--json")
    assert ran.out.isascii()
    assert json.loads(ran.out)["differences"][1]["merc_trx_no"] == "주문-1"
