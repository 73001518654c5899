"""A drill's report as one page of HTML: in English, with Korean beside it, and nothing to load.

The page may load and run nothing at all: its policy allows its own style sheet by digest. Pure.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from netcancel.core.lifecycle import State
from netcancel.demo.books import Fault
from netcancel.drill import plots
from netcancel.drill.course import Ending
from netcancel.drill.html import Html, join, tag

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from netcancel.drill.report import Report
    from netcancel.drill.times import Delays, Moment

STYLE: Final = Html(files("netcancel.drill").joinpath("page.css").read_text(encoding="utf-8"))
DIGEST: Final = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{DIGEST}'; base-uri 'none'; form-action 'none'"
)

BALANCED: Final = ("The books balance.", "장부가 일치합니다.")
NOT_BALANCED: Final = ("The books do NOT balance.", "장부가 일치하지 않습니다.")
ENDINGS: Final = {
    Ending.COMPLETE: ("", ""),
    Ending.OUT_OF_TIME: (
        "Incomplete: the time was up before all was closed.",
        "미완료: 제한 시간 안에 모두 종결되지 않았습니다.",
    ),
    Ending.INTERRUPTED: ("Incomplete: it was interrupted.", "미완료: 중단되었습니다."),
    Ending.BROKEN: (
        "Incomplete: a process ended by itself.",
        "미완료: 프로세스가 스스로 종료되었습니다.",
    ),
}
PROBLEMS: Final = {
    Fault.ORPHAN: "고아 승인: 청구되었으나 승인된 결제가 없음",
    Fault.LOST_SALE: "유실 매출: 승인되었으나 청구가 없음",
    Fault.OTHER_AMOUNT: "승인 금액과 다른 청구",
    Fault.CHARGED_TWICE: "중복 청구",
    Fault.VOIDED_UNSAID: "취소되었으나 장부에 없음",
    Fault.TOLD_OTHERWISE: "원장과 다른 결과 통지",
    Fault.FORGOTTEN: "통지되었으나 장부에 없는 결제",
    Fault.OPEN: "미종결",
}
BROKEN_SHOWN_MAX: Final = 100


def page(report: Report) -> str:
    """Return the whole document."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="robots", content="noindex"),
        tag("title", f"netcancel drill, {report.made_at}"),
        tag("style", STYLE),
    )
    body = tag("body", tag("main", _head(report), *_sections(report)))
    return f"<!doctype html>\n{tag('html', head, body, lang='en')}\n"


def _head(report: Report) -> Html:
    kind = "good" if report.is_passed else "bad"
    verdicts = [BALANCED if report.balances else NOT_BALANCED, ENDINGS[report.ending]]
    said = [
        tag("p", tag("strong", english), " ", _korean(korean))
        for english, korean in verdicts
        if english
    ]
    if report.why:
        said.append(tag("p", report.why))
    return tag(
        "header",
        tag("h1", "netcancel drill ", _korean("망취소 모의 훈련")),
        tag("p", f"{report.made_at}. The gateway was a sandbox; no card was charged. "),
        tag("div", *said, class_=f"verdict {kind}", role="status"),
        _tiles(report),
    )


def _tiles(report: Report) -> Html:
    promises = report.promises
    tiles = [
        ("payments", "결제", report.books["payments"]),
        ("approved", "승인", report.books["approved"]),
        ("charges given back", "취소된 청구", report.books["charges_given_back"]),
        ("answers spoilt", "주입된 장애", sum(row.hits for row in report.faults)),
        ("kills and pauses", "강제 종료·정지", sum(report.blows.values())),
        ("checks, none failed", "점검", sum(each.checked for each in promises))
        if not any(each.broken for each in promises)
        else ("checks failed", "실패한 점검", sum(len(each.broken) for each in promises)),
    ]
    return tag(
        "dl",
        *(
            tag("div", tag("dt", english, " ", _korean(korean)), tag("dd", f"{count:,}"))
            for english, korean, count in tiles
        ),
        class_="tiles",
    )


def _sections(report: Report) -> list[Html]:
    return [
        _section("The books", "장부 대사", _books(report), _problems(report), _broken(report)),
        _section("Over time", "시간 경과", *_plots(report)),
        _section("How long lost answers stayed open", "유실 응답 처리 시간", *_delays(report)),
        _section("Faults, and what became of the payments", "장애별 결과", _faults(report)),
        _section("Kills and pauses", "강제 종료와 일시 정지", _blows(report)),
        _section("Promises", "보장 항목 점검", _promises(report)),
        _section("Conditions", "훈련 조건", *_conditions(report)),
    ]


def _section(english: str, korean: str, *inside: Html) -> Html:
    return tag("section", tag("h2", english, " ", _korean(korean)), *inside)


def _korean(text: str) -> Html:
    return tag("span", text, lang="ko")


def _table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, class_: str = ""
) -> Html:
    """Lay out rows whose first cell is their head; a narrow screen scrolls the table alone."""
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    body = [
        tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    inside = join(tag("caption", caption), tag("thead", head), tag("tbody", *body))
    table = tag("table", inside, class_=class_) if class_ else tag("table", inside)
    return tag("div", table, class_="scrolls", tabindex=0, role="region", aria_label=caption)


def _books(report: Report) -> Html:
    books, states = report.books, report.states
    rows = [
        ("charged and live / approved", f"{books['charges_live']:,}", f"{books['approved']:,}"),
        ("their amounts, KRW", f"{books['live_amount']:,}", f"{books['approved_amount']:,}"),
        (
            "given back / net-cancelled or refunded",
            f"{books['charges_given_back']:,}",
            f"{states[State.NET_CANCELLED] + states[State.CANCELLED]:,} (with those never charged)",
        ),
        ("never charged / declined", "0", f"{states[State.DECLINED]:,}"),
    ]
    return _table("The gateway's ledger and the journal", ("", "gateway", "journal"), rows)


def _problems(report: Report) -> Html:
    rows = [
        (
            join(fault.value, " ", _korean(PROBLEMS[fault])),
            f"{report.problems[fault.name.lower()]:,}",
        )
        for fault in Fault
    ]
    return _table("Must be 0", ("what", "payments"), rows)


def _broken(report: Report) -> Html:
    shown = report.broken_numbers[:BROKEN_SHOWN_MAX]
    if not shown:
        return Html()
    more = len(report.broken_numbers) - len(shown)
    rest = [f"and {more} more: report.json has them all"] if more else []
    return tag("ul", *(tag("li", each) for each in [*shown, *rest]), class_="broken")


def _plots(report: Report) -> list[Html]:
    moments = report.moments
    ends = [
        ("approved 승인", _points(moments, "approved")),
        ("given back 취소", _points(moments, "given_back")),
        ("declined 거절", _points(moments, "declined")),
    ]
    doubts = [
        ("in doubt 불확실", _points(moments, "in_doubt")),
        ("voided, to be verified 확인 대기", _points(moments, "to_be_verified")),
    ]
    most = max((each.in_doubt for each in moments), default=0)
    return [
        tag(
            "div",
            _plot(
                "Payments by outcome",
                "결과별 결제",
                plots.lines(
                    "Payments by outcome",
                    f"Lines over time; at the end {_said(report.states)}.",
                    ends,
                    "seconds",
                ),
            ),
            _plot(
                "In doubt",
                "불확실",
                plots.lines(
                    "Payments in doubt", f"Lines over time; at most {most}.", doubts, "seconds"
                ),
            ),
            class_="plots",
        )
    ]


def _points(moments: Sequence[Moment], name: str) -> list[plots.Point]:
    return [(moment.second, getattr(moment, name)) for moment in moments]


def _plot(english: str, korean: str, drawn: Html) -> Html:
    return tag("figure", tag("figcaption", english, " ", _korean(korean)), drawn)


def _delays(report: Report) -> list[Html]:
    kinds = [
        ("From the loss to the first net-cancel", "최초 망취소까지", report.first_net_cancel),
        ("From the loss until nothing was owed", "종결까지", report.closing),
    ]
    rows = [
        (name, f"{each.count:,}", f"{each.median:g}", f"{each.p95:g}", f"{each.longest:g}")
        for name, _, each in kinds
    ]
    columns = ("seconds", "payments", "median", "95 of 100", "longest")
    return [
        _table("Seconds", columns, rows),
        tag("div", *(_histogram(*each) for each in kinds if each[2].count), class_="plots"),
    ]


def _histogram(english: str, korean: str, delays: Delays) -> Html:
    says = f"Median {delays.median:g} s, 95 of 100 within {delays.p95:g} s."
    return _plot(
        english, korean, plots.bars(english, says, delays.histogram, "up to so many seconds")
    )


def _faults(report: Report) -> Html:
    states = [state for state in State if any(state in row.ends for row in report.faults)]
    rows = [
        (row.name, f"{row.hits:,}", *(f"{row.ends.get(state, 0):,}" for state in states))
        for row in report.faults
    ]
    caption = "A payment that several faults hit stands in the row of each"
    return _table(caption, ("fault", "hits", *states), rows)


def _blows(report: Report) -> Html:
    events = [tag("li", each) for each in report.events] or [tag("li", "none")]
    counts = f"{report.blows['kill']} killed with SIGKILL, {report.blows['pause']} stopped."
    return join(tag("p", counts), tag("ol", *events, class_="events"))


def _promises(report: Report) -> Html:
    rows = [
        (each.name, f"{each.checked:,}", f"{len(each.broken):,}", "; ".join(each.broken[:3]))
        for each in report.promises
    ]
    return _table(
        "Each was put to the test", ("promise", "checked", "broken", "where"), rows, class_="texts"
    )


def _conditions(report: Report) -> list[Html]:
    durations = [
        (each.name, f"{each.configured:g}", f"{each.rehearsed:g}") for each in report.durations
    ]
    left_out = [tag("li", f"{name}: {why}") for name, why in report.left_out.items()]
    facts = [(name, str(value)) for name, value in {**report.drill, **report.versions}.items()]
    said = tag(
        "p",
        "What is waited for is shortened, so that it can be rehearsed in minutes:"
        " the order of things is the same, their length is not.",
    )
    return [
        said,
        _table("Durations in seconds", ("setting", "configured", "rehearsed"), durations),
        *([tag("p", "Set, but not rehearsed:"), tag("ul", *left_out)] if left_out else []),
        _table("The drill", ("what", "value"), facts, class_="texts"),
    ]


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
