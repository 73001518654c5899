"""`reconcile`: a settlement file against the journal, and what to do about its orphans."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path  # noqa: TC003  cyclopts reads the annotation
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Final

from cyclopts import Parameter

from netcancel import operators
from netcancel.cli import words
from netcancel.cli.exits import Exit, Stop
from netcancel.cli.options import JsonFlag, SettingFlags, reading, result_of
from netcancel.cli.output import facts, plain, show, state_text, table, write
from netcancel.core.lifecycle import State
from netcancel.reconcile import Covered, Kind, Layout, read_settlement
from netcancel.reconcile import reconcile as compare
from netcancel.reconcile.exporting import export
from netcancel.reconcile.findings import Findings
from netcancel.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from concurrent.futures import Future

    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

    from netcancel.core.payment import Payment
    from netcancel.journal.contract import Journal
    from netcancel.reconcile import Result
    from netcancel.reconcile.findings import Finding

LINES_AT_ONCE: Final = 1_000
"""A longer table is printed in parts: what is printed at once is laid out in memory."""

REOPEN_BATCH: Final = 100
"""So many re-opened payments share a commit of the journal."""


def _column(what: str, default: str) -> Parameter:
    return Parameter(help=f"the column of {what}; {default}")


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutFlags:
    """How the file is laid out; each wins over the profile's line of the same name."""

    number_column: Annotated[
        str | None, _column("merchant transaction numbers", "default mercTrxNo")
    ] = None
    amount_column: Annotated[str | None, _column("amounts", "default trxAmt")] = None
    date_column: Annotated[
        str | None, _column("dates of sale", "default tranDt, where it is there")
    ] = None
    tid_column: Annotated[
        str | None, _column("terminals", "default tid, else --tid says whose file it is")
    ] = None
    approval_number_column: Annotated[
        str | None, _column("approval numbers", "default aprvNo, where it is there")
    ] = None
    kind_column: Annotated[
        str | None, _column("what a row is", "without one, negative amounts are refunds")
    ] = None
    refund_value: Annotated[
        list[str] | None,
        Parameter(negative="", help="what the kind column says of a refund; may be repeated"),
    ] = None
    charge_value: Annotated[
        list[str] | None,
        Parameter(negative="", help="what it says of a charge, where that is not one value only"),
    ] = None
    delimiter: Annotated[
        str | None, Parameter(help="between cells: , (default) ; | ^ or the word tab")
    ] = None
    encoding: Annotated[str | None, Parameter(help="utf-8 (default) or cp949")] = None
    date_format: Annotated[
        str | None, Parameter(help="such as yyyy-MM-dd or yyyy-MM-dd HH:mm:ss; default yyyyMMdd")
    ] = None


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredFlags:
    """Of which sales the file is complete."""

    first: Annotated[
        str | None,
        Parameter(
            name="--from",
            help="the first date of sale that it covers, yyyyMMdd; default: its smallest",
        ),
    ] = None
    last: Annotated[
        str | None, Parameter(name="--to", help="the last one; default: its largest")
    ] = None
    only_tid: Annotated[
        list[str] | None,
        Parameter(negative="", help="a terminal that it covers; may be repeated; default: all"),
    ] = None

    def covered(self, only_tid: str | None) -> Covered:
        """Read the flags; a file that is one terminal's covers no other."""
        tids = self.only_tid or ([] if only_tid is None else [only_tid])
        return Covered(self.first, self.last, frozenset(tids) or None)


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFlags:
    """How much is said, and where."""

    limit: Annotated[int, Parameter(help="at most so many lines of each kind of difference")] = 20
    everything: Annotated[bool, Parameter(name="--all", negative="", help="print every line")] = (
        False
    )
    path: Annotated[
        Path | None, Parameter(name="--csv", help="write all differences to this CSV file too")
    ] = None


def reconcile(
    source: Path,
    /,
    *,
    profile: Path | None = None,
    layout: LayoutFlags = LayoutFlags(),
    covered: CoveredFlags = CoveredFlags(),
    reopen: Annotated[bool, Parameter(negative="")] = False,
    by: str | None = None,
    report: ReportFlags = ReportFlags(),
    as_json: JsonFlag = False,
    **settings: SettingFlags,
) -> Exit:
    """Compare a settlement file (CSV with a header) with the journal, number by number.

    Ends with 0: all matches, 1: something differs, 2: the file or the journal can't be used; then
    nothing is reported.

    Parameters
    ----------
    source
        the file, as the VAN or the acquirer gives it
    profile
        a TOML file that says how it is laid out
    reopen
        owe a net-cancel again for each net-cancelled payment that the file charges; needs --by
    by
        who asks for that, for the history
    """
    if reopen is not (by is not None):
        raise Stop(Exit.WRONG, "--reopen and --by NAME go together: who asks stands in the history")
    if by is not None:
        operators.check_name(by)
    _check_report(report, source)
    laid_out = Layout.of(profile, asdict(layout))
    given = Settings.load(flags=settings)
    with reading(given) as journal, _opened(source) as file, Findings() as findings:
        settlement = read_settlement(file, laid_out, tid=given.get("tid"))
        result = compare(
            settlement.rows,
            journal,
            tell=findings.add,
            covered=covered.covered(settlement.only_tid),
        )
        if report.path is not None:
            export(findings, report.path)  # before anything is changed: it may fail
        reopened = None if by is None else _reopen(journal, findings, by)
        if as_json:
            _write_json(result, reopened, findings)
        else:
            _show(result, reopened, findings, limit=None if report.everything else report.limit)
    return Exit.DONE if result.balances else Exit.NO


def _check_report(report: ReportFlags, source: Path) -> None:
    if report.limit < 0:
        raise Stop(Exit.WRONG, "--limit must be at least 0")
    if report.path is not None and _is_same_file(report.path, source):
        raise Stop(Exit.WRONG, "--csv names the settlement file itself: name another one")


def _is_same_file(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them isn't there, or can't be
        return False


@contextmanager
def _opened(source: Path) -> Generator[BinaryIO]:
    try:
        file = source.open("rb")
    except OSError as error:
        raise Stop(Exit.WRONG, f"{source.name!a} can't be read: {error.strerror}") from None
    with file:
        yield file


@dataclass(slots=True)
class _Reopened:
    """What became of the orphans: those owed again, and those that somebody wrote meanwhile."""

    numbers: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    overtaken: int = 0


def _reopen(journal: Journal, findings: Findings, by: str) -> _Reopened:
    """Re-open each net-cancelled payment that the file charges, as it was compared.

    An archived one has no version: it can't be, because its token is gone.
    """
    orphans = (
        finding
        for finding in findings.of(Kind.CHARGED_BUT_VOIDED)
        if finding.state == State.NET_CANCELLED and finding.version is not None
    )
    done = _Reopened()
    while batch := list(islice(orphans, REOPEN_BATCH)):
        seen = [journal.find(orphan.tid, orphan.merc_trx_no) for orphan in batch]
        payments = [result_of(future) for future in seen]
        asked = [
            _ask(journal, orphan, payment, by)
            for orphan, payment in zip(batch, payments, strict=True)
            if payment is not None and str(payment.version) == orphan.version
        ]
        moved = [payment for each in asked if (payment := result_of(each)) is not None]
        done.numbers += [(payment.tid, payment.merc_trx_no) for payment in moved]
        done.overtaken += len(batch) - len(moved)
    return done


def _ask(journal: Journal, orphan: Finding, seen: Payment, by: str) -> Future[Payment | None]:
    if orphan.standing_charge is None:
        raise ValueError("an orphan is a charge that stands")
    return operators.reopen(
        journal, seen, aprv_no=orphan.aprv_no, trx_amt=orphan.standing_charge, by=by
    )


def _write_json(result: Result, reopened: _Reopened | None, findings: Findings) -> None:
    """Write one document, line by line: the differences may be more than memory holds."""
    document: dict[str, Any] = {
        "covered": {
            "from": result.covered.first,
            "to": result.covered.last,
            "tids": None if result.covered.tids is None else sorted(result.covered.tids),
        },
        "rows": result.rows,
        "numbers": result.numbers,
        "payments": result.payments,
        "matched": result.matched,
        "by_kind": dict(result.by_kind),
    }
    if reopened is not None:
        document["reopened"] = [{"tid": tid, "merc_trx_no": no} for tid, no in reopened.numbers]
        document["overtaken"] = reopened.overtaken
    write(json.dumps(document, indent=2).removesuffix("\n}") + ',\n  "differences": [')
    rows = (json.dumps(asdict(finding)) for finding in findings)
    comma = ""
    while batch := list(islice(rows, LINES_AT_ONCE)):
        write(comma + ",".join(f"\n    {row}" for row in batch))
        comma = ","
    write("\n  ]\n}\n")


def _show(
    result: Result, reopened: _Reopened | None, findings: Findings, *, limit: int | None
) -> None:
    show(facts(_result_facts(result)), *_kinds(result), *_reopened_lines(reopened))
    for kind in Kind:
        count = result.by_kind[kind]
        told = count if limit is None else min(limit, count)
        lines = islice(findings.of(kind), told)
        while part := list(islice(lines, LINES_AT_ONCE)):
            show(plain(f"{kind}: {kind.meaning}"), _table(part))
        if told < count:
            show(plain(f"{kind}: {count - told:,} more; --all, --json or --csv FILE has them"))


def _result_facts(result: Result) -> list[tuple[str, str]]:
    covered = result.covered
    said = f"{covered.first} to {covered.last}, " + (
        "all terminals" if covered.tids is None else "terminal " + ", ".join(sorted(covered.tids))
    )
    return [
        ("sales covered", said),
        ("rows of the file", f"{result.rows:,}, of {result.numbers:,} numbers"),
        ("payments of the journal", f"{result.payments:,}"),
        ("matched", f"{result.matched:,}"),
    ]


def _kinds(result: Result) -> list[RenderableType]:
    rows = [
        (kind.value, f"{count:,}", kind.meaning) for kind, count in result.by_kind.items() if count
    ]
    if not rows:
        return [plain("nothing differs")]
    return [table(("difference", "numbers", "meaning"), rows, numbers="numbers")]


def _reopened_lines(reopened: _Reopened | None) -> list[RenderableType]:
    if reopened is None:
        return []
    said = [
        plain(f"{number} of {tid} is owed a net-cancel again") for tid, number in reopened.numbers
    ]
    if reopened.overtaken:
        said.append(plain(f"{reopened.overtaken} have changed meanwhile: call this again"))
    return [*(said or [plain("no net-cancelled payment is charged: nothing to re-open")])]


def _table(findings: Iterable[Finding]) -> Table:
    return table(
        ("line", "number", "terminal", "state", "sold", "approved", "charged", "refunded"),
        [
            (
                "" if finding.line is None else str(finding.line),
                finding.merc_trx_no,
                finding.tid,
                _state(finding),
                finding.tran_dt or "",
                _won(finding.approved_amt),
                _won(finding.charged),
                _won(finding.refunded),
            )
            for finding in findings
        ],
        numbers="line approved charged refunded",
    )


def _state(finding: Finding) -> Text:
    said = state_text(finding.state or "")
    return said.append(f" as {finding.resolution}") if finding.resolution else said


def _won(amount: int | None) -> str:
    return "" if amount is None else words.won(amount)
