"""drill: real processes and kills under a merchant's policy, and a report that hides nothing."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from netcancel.core.policy import Policy
from netcancel.demo.books import Told
from netcancel.demo.promises import Evidence
from netcancel.drill.blows import Kind, blows
from netcancel.drill.conditions import conditions
from netcancel.drill.course import Ended, Ending
from netcancel.drill.html import Html, join, tag
from netcancel.drill.page import page
from netcancel.drill.report import Report, report
from netcancel.errors import ConfigurationError
from netcancel.journal.opening import open_journal
from netcancel.sandbox import Sandbox
from tests.canaries import SECRET, TOKEN, leaks_in
from tests.cli.test_demo import left_behind, wait_for_children
from tests.docs.pages import ROOT, fences_of
from tests.duty.shop import MERCHANT, Shop, order_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

PATIENCE_SECONDS = 150.0
HOSTILE = '<script>alert("1")</script>\u202e'
FATES: dict[str, str | None] = {
    "ORD_1": None,
    "ORD_2": "commit-then-reset",
    "ORD_3": "decline",
    "ORD_4": "wrong-amount",
}


def drilled(directory: Path, *words: str, environ: dict[str, str]) -> subprocess.Popen[str]:
    """Start a drill in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "netcancel.cli", "drill", "--report", str(directory), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
    )


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_a_drill_balances_and_writes_both_reports(
    tmp_path: Path, place: Path, environ: dict[str, str]
) -> None:
    """Kills are made, every promise holds, nothing shows a secret, the own journal is not made."""
    directory = tmp_path / "report"
    environ |= {"NETCANCEL_SECRET_KEY": SECRET, "NETCANCEL_SETTLE_SECONDS": "600"}
    words = "--payments 40 --workers 1 --kills 2 --pauses 0 --seed 7 --timeout-seconds 0.5"
    with drilled(directory, *words.split(), environ=environ) as process:
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (0, ""), out
    document = json.loads((directory / "report.json").read_text())
    assert document["passed"]
    assert document["books"]["payments"] == 40
    assert document["blows"] == {"kill": 2, "pause": 0}
    assert set(document["problems"].values()) == {0}
    settings = {each["name"]: each for each in document["durations"]}
    assert settings["settle_seconds"] == {
        "name": "settle_seconds",
        "configured": 600.0,
        "rehearsed": 3.0,
    }
    assert settings["timeout_seconds"]["rehearsed"] == 0.5
    assert document["moments"][-1]["in_doubt"] == 0
    shown = (directory / "report.html").read_text()
    assert leaks_in(out + shown + json.dumps(document)) == []
    assert [each.name for each in place.iterdir()] == ["report"]
    assert {each.name for each in directory.iterdir()} == {"kept", "report.html", "report.json"}
    wait_for_children(directory, 0)


@pytest.mark.timeout(PATIENCE_SECONDS)
def test_an_interrupted_drill_reports_what_was_until_then(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """Ctrl-C ends every process, the report says that it isn't whole, and the exit code is 130."""
    directory = tmp_path / "report"
    with drilled(directory, "--payments", "200", "--kills", "0", environ=environ) as process:
        assert process.stdout is not None
        assert next(line for line in process.stdout if " closed;" in line)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (130, "netcancel: interrupted\n")
    assert json.loads((directory / "report.json").read_text())["ending"] == "interrupted"
    assert "it was interrupted" in (directory / "report.html").read_text()
    assert left_behind(directory) == []


def test_a_journal_that_is_there_is_refused(run: Run, place: Path) -> None:
    """Whoever names a journal by mistake finds it untouched."""
    (place / "payments.db").write_bytes(b"somebody's")
    ran = run("drill", "--journal", "sqlite:///payments.db")
    assert ran.code == 2
    assert "a drill makes its own" in ran.err
    assert (place / "payments.db").read_bytes() == b"somebody's"
    assert [each.name for each in place.iterdir()] == ["payments.db"]


@pytest.mark.parametrize("kind", ["postgres_url", "mysql_url"])
def test_a_journal_on_a_server_is_refused_though_it_is_empty(
    run: Run, place: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    """Somebody made it for something else: its payments are yet to come."""
    url: str = request.getfixturevalue(kind)
    open_journal(url).close()
    ran = run("drill", "--journal", url)
    assert ran.code == 2
    assert "a drill makes its own" in ran.err
    assert [*place.iterdir()] == []


def test_a_configured_server_is_never_used(
    run: Run, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A journal on a server has to be named for the drill."""
    monkeypatch.setenv("NETCANCEL_JOURNAL", "postgresql://user:secret@db.example/live")
    ran = run("drill")
    assert ran.code == 2
    assert "name an empty database" in ran.err
    assert [*place.iterdir()] == []


@pytest.mark.parametrize(
    "words",
    [
        ["--payments", "0"],
        ["--payers", "17"],
        ["--kills", "-1"],
        ["--fault", "no-such"],
        ["--fault", "reset:2"],
        ["--memory", "none"],
        ["--journal", "memory://"],
        ["--secret-key", "x"],
    ],
)
def test_a_drill_that_can_not_be_held_is_refused(run: Run, place: Path, words: list[str]) -> None:
    """Wrong usage is told, and nothing is made."""
    assert run("drill", *words).code == 2
    assert [*place.iterdir()] == []


def test_long_durations_are_shortened_unless_said() -> None:
    """What is configured is cut to the drill's length; what is said for the drill holds."""
    given: dict[str, Any] = {
        "timeout_seconds": 30.0,
        "settle_seconds": 60.0,
        "retry_ceiling_seconds": 0.5,
    }
    made = conditions(given, {"settle_seconds"}, Policy(**given), "tombstone")
    assert made.policy["timeout_seconds"] == 1.0
    assert made.policy["settle_seconds"] == 60.0
    assert made.policy["retry_ceiling_seconds"] == 0.5


def test_what_is_not_rehearsed_is_named() -> None:
    """Codes of the real gateway and limits are left out, and the report can say so."""
    given: dict[str, Any] = {"max_in_doubt": 5, "decline_codes": frozenset({"9999"})}
    made = conditions(given, set(), Policy(**given), "tombstone")
    assert set(made.left_out) == set(given)
    assert not made.policy.keys() & given.keys()


def test_a_policy_that_contradicts_itself_is_refused() -> None:
    """A lease that is said for the drill must be long enough for what is in force there."""
    given: dict[str, Any] = {
        "timeout_seconds": 1.0,
        "lease_seconds": 10.0,
        "settle_seconds": 90_000.0,
    }
    policy = Policy(**given, retry_window_seconds=100_000.0)
    with pytest.raises(ConfigurationError, match="retry_window_seconds"):
        conditions(given, {"settle_seconds"}, policy, "tombstone")


def test_blows_are_spread_and_hit_payers_and_workers() -> None:
    """A seed plans the same blows; they come in order, within the payments, on both kinds."""
    shops, workers = ("payer-1", "payer-2"), ("worker-1",)
    plan = blows(3, kills=5, pauses=2, shops=shops, workers=workers)
    assert plan == blows(3, kills=5, pauses=2, shops=shops, workers=workers)
    assert [blow.kind for blow in plan].count(Kind.PAUSE) == 2
    shares = [blow.at_share for blow in plan]
    assert shares == sorted(shares)
    assert 0 < shares[0] < shares[-1] < 1
    assert {blow.victim.split("-")[0] for blow in plan} == {"payer", "worker"}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    """Pay for some numbers, with different fates, and recover what was lost."""
    directory = tmp_path_factory.mktemp("drill")
    told = []
    with Sandbox() as van:
        shop = Shop.at(van, directory)
        changes = {"base_url": van.base_url, "credentials": van.credentials}
        with shop.guard(**changes) as guard:
            for number, fault in FATES.items():
                if fault:
                    van.inject(fault)
                outcome = guard.approve(**order_of(number))
                told.append(Told((MERCHANT.tid, number), type(outcome).__name__))
        shop.recover_until_closed(credentials=[van.credentials])
        return Evidence(
            charges=van.charges(),
            requests=van.requests(),
            payments=shop.payments(),
            told=told,
            logs={"payer-1.log": "nothing to see\n"},
        )


def reported(evidence: Evidence, ending: Ending = Ending.COMPLETE, why: str = "") -> Report:
    """Report a drill that left this evidence behind."""
    blow_counts = {"kill": 1}
    return report(
        Ended(ending, why, 1.0, evidence, blow_counts, [f"  1 s  {HOSTILE}"]),
        made_at="2026-01-02 03:04:05 UTC",
        versions={"netcancel": "1"},
        drill={"payments": 4, "journal": HOSTILE},
        conditions=conditions({}, set(), Policy(), "tombstone"),
    )


def test_a_report_tells_what_became_of_whom(evidence: Evidence) -> None:
    """Faults with their ends, books, delays and verdict, in both languages."""
    made = reported(evidence)
    assert made.is_passed
    assert {row.name: (row.hits, dict(row.ends)) for row in made.faults} == {
        "commit-then-reset": (1, {"net_cancelled": 1}),
        "decline": (1, {"declined": 1}),
        "wrong-amount": (1, {"cancelled": 1}),
        "none": (0, {"approved": 1}),
    }
    assert (made.first_net_cancel.count, made.closing.count) == (1, 1)
    assert sum(count for _, count in made.closing.histogram) == 1
    last = made.moments[-1]
    assert (last.approved, last.declined, last.given_back, last.in_doubt) == (1, 1, 2, 0)
    shown = page(made)
    assert "The books balance." in shown
    assert "장부가 일치합니다." in shown
    assert "NOT" not in shown


def test_an_imbalance_is_told_in_both_languages(evidence: Evidence) -> None:
    """A charge that no payment answers for is an orphan, and the report doesn't pass."""
    stray = dict(evidence.charges[0], merc_trx_no="STRAY", status="live")
    made = reported(replace(evidence, charges=[*evidence.charges, stray]))
    assert not made.is_passed
    assert made.problems["orphan"] == 1
    shown = page(made)
    assert "The books do NOT balance." in shown
    assert "장부가 일치하지 않습니다." in shown
    assert "STRAY: orphan charge" in shown
    assert "The books balance." not in shown


def test_a_broken_promise_fails_a_drill_whose_books_balance(evidence: Evidence) -> None:
    """Every promise counts, not the sums alone."""
    made = reported(replace(evidence, logs={"payer-1.log": "Traceback"}))
    assert set(made.problems.values()) == {0}
    assert not made.is_passed
    assert "The books do NOT balance." in page(made)


@pytest.mark.parametrize("ending", [each for each in Ending if each is not Ending.COMPLETE])
def test_an_incomplete_drill_never_passes(evidence: Evidence, ending: Ending) -> None:
    """However well the books balance so far, the page says that it isn't whole."""
    made = reported(evidence, ending, HOSTILE)
    assert not made.is_passed
    assert "Incomplete" in page(made)


class Page(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def test_the_page_loads_and_runs_nothing(evidence: Evidence) -> None:
    """No script, no link, no address; its own style alone is allowed, by its digest."""
    shown = page(reported(evidence, Ending.BROKEN, HOSTILE))
    read = Page()
    read.feed(shown)
    assert not {"script", "link", "img", "iframe", "a", "object", "base"} & {*read.tags}
    assert not {"src", "href", "style", "onload"} & {name for name, _ in read.attributes}
    assert "http://" not in shown
    assert "https://" not in shown
    assert "url(" not in shown
    style = shown.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'"
    assert any(value.startswith(policy) for _, value in read.attributes)


def test_hostile_text_stays_text(evidence: Evidence) -> None:
    """Markup and marks that reverse reading are shown, and do nothing."""
    shown = page(reported(evidence, Ending.BROKEN, HOSTILE))
    assert shown.count("&lt;script&gt;") == 3
    assert "\u202e" not in shown


def test_a_drawing_says_what_it_shows(evidence: Evidence) -> None:
    """Each has a title and a description, and each table a caption and heads."""
    read = Page()
    read.feed(page(reported(evidence)))
    drawings = read.tags.count("svg")
    assert drawings == 4
    assert read.tags.count("desc") == drawings
    assert read.tags.count("title") == drawings + 1
    assert read.tags.count("caption") == read.tags.count("table") == read.tags.count("thead")


def test_only_markup_is_markup() -> None:
    """Text is escaped in elements and attributes; what is markup already is not again."""
    assert tag("p", "a<b", class_='"x"') == '<p class="&quot;x&quot;">a&lt;b</p>'
    assert join(Html("<b>"), "<b>") == "<b>&lt;b&gt;"


def test_no_canary_reaches_a_report(evidence: Evidence) -> None:
    """The token that was paid with is in what arrived, and not in what is told."""
    made = reported(evidence)
    assert any(TOKEN.encode() in request["body"] for request in evidence.requests)
    assert leaks_in(page(made) + json.dumps(made.to_json())) == []


def test_the_pages_example_has_the_shape_of_a_report(evidence: Evidence) -> None:
    """docs/drill.md names every fact of the document, and no other."""
    [example] = fences_of(ROOT / "docs" / "drill.md", "json")
    made = json.loads(json.dumps(reported(evidence).to_json()))
    assert shape_of(json.loads(example)) == shape_of(made)


NAMED_BY_THE_DRILL = {"versions", "drill", "left_out", "states", "told", "blows", "ends"}
"""Facts whose names depend on what happened."""


def shape_of(value: Any) -> Any:
    """Return the names in a document, and of a list those in its first value."""
    if isinstance(value, dict):
        return {
            name: None if name in NAMED_BY_THE_DRILL else shape_of(each)
            for name, each in value.items()
        }
    return [shape_of(each) for each in value[:1]] if isinstance(value, list) else None
