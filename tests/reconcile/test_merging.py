"""The merge: nothing planted is missed, nothing is invented, and order never matters."""

from __future__ import annotations

import os
import re
from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netcancel.core.lifecycle import Resolution, State
from netcancel.errors import ConfigurationError, JournalUnavailable
from netcancel.kicc import ApprovalAnswer
from netcancel.reconcile import Covered, Kind, Row, UnreadableSettlement, reconcile
from netcancel.reconcile.merging import PAGE_PAYMENTS
from netcancel.reconcile.spill import Spill
from tests.reconcile.samples import DAY, Pages, charge, compare, payment

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from netcancel.core.payment import Page, Payment, Used
    from netcancel.reconcile import Difference

S, R, K = State, Resolution, Kind

IF_PAID = {
    S.APPROVED: None,
    S.UNCONFIRMED: None,
    R.CHARGE_STANDS: None,
    S.NET_CANCELLED: K.CHARGED_BUT_VOIDED,
    S.SETTLING: K.CHARGED_BUT_VOIDED,
    R.NO_CHARGE: K.CHARGED_BUT_VOIDED,
    S.CANCELLED: K.CHARGED_BUT_REFUNDED,
    R.REFUNDED_OUTSIDE: K.CHARGED_BUT_REFUNDED,
    S.DECLINED: K.CHARGED_BUT_DECLINED,
}
"""What a paid number is called, by what the journal says; all else is in doubt."""


def naive(
    rows: Sequence[Row], payments: Sequence[Payment], covered: Covered
) -> Counter[tuple[Kind, tuple[str, str]]]:
    """Compare by dictionaries, in memory, by the words of docs/reconcile.md."""
    journal = {(each.tid, each.merc_trx_no): each for each in payments}
    of_number = {number: list[Row]() for number in journal}
    for row in rows:
        of_number.setdefault((row.tid, row.merc_trx_no), []).append(row)
    return Counter(
        (kind, number)
        for number, named in of_number.items()
        for kind in naive_kinds(named, journal.get(number), covered)
    )


def naive_kinds(named: list[Row], known: Payment | None, covered: Covered) -> Iterator[Kind]:
    """Compare one number."""
    taken = Counter(row.amount for row in named if not row.is_refund)
    given_back = Counter(row.amount for row in named if row.is_refund)
    paid = sum(taken.elements()) - sum(given_back.elements())
    if (taken - given_back).total() > 1 or (paid < 0 and given_back.total() > 1):
        yield K.DUPLICATE
    if known is None:
        yield K.UNKNOWN_NUMBER
        return
    answered = None if known.answer is None else known.answer.trx_amt
    left = {*(taken - given_back), *(given_back - taken)}
    if left - {known.trx_amt if answered is None else answered}:
        yield K.AMOUNT_DIFFERS
    kind = IF_PAID.get(known.resolution or known.state, K.CHARGED_BUT_IN_DOUBT)
    is_covered = str(covered.first) <= known.tran_dt <= str(covered.last)
    if kind is not None and paid > 0:
        yield kind
    if kind is None and paid <= 0 and (named or is_covered):
        yield K.APPROVED_BUT_NOT_CHARGED


TIDS = st.sampled_from(["T1", "T2", "T"])
NUMBERS = st.sampled_from(["A", "a", "AB", "B", "_", "-", "1", "가", "A~", "\uffee", "\U0001f600"])
AMOUNTS = st.sampled_from([0, 1, 5_000, 10_000])
DAYS = st.sampled_from(["20231224", "20231225", "20231226", "20231227"])
ROWS = st.builds(
    Row,
    line=st.integers(2, 99),
    tid=TIDS,
    merc_trx_no=NUMBERS,
    amount=AMOUNTS,
    is_refund=st.booleans(),
    date=DAYS,
    aprv_no=st.sampled_from([None, "1", "2"]),
)
STATES = st.sampled_from(
    [(state, None) for state in State if state is not S.RESOLVED]
    + [(S.RESOLVED, resolution) for resolution in (*Resolution, None)]
)
ANSWERS = st.sampled_from([None, ApprovalAnswer(), ApprovalAnswer(trx_amt=5_000)])
PAYMENTS = st.builds(
    lambda tid, number, state, day, answer: payment(
        number, state[0], resolution=state[1], tid=tid, tran_dt=day, answer=answer
    ),
    *(TIDS, NUMBERS, STATES, DAYS, ANSWERS),
)
JOURNALS = st.lists(PAYMENTS, max_size=12, unique_by=lambda each: (each.tid, each.merc_trx_no))


@given(rows=st.lists(ROWS, max_size=25), payments=JOURNALS)
def test_the_merge_is_the_comparison_of_two_dictionaries(
    rows: list[Row], payments: list[Payment]
) -> None:
    """Every difference is told exactly once, in any order of rows, and no other."""
    covered = Covered("20231225", "20231226")
    told: list[tuple[Kind, tuple[str, str]]] = []
    lines: set[int] = set()

    def tell(difference: Difference) -> None:
        about = difference.settled or difference.payment
        assert about is not None
        told.append((difference.kind, (about.tid, about.merc_trx_no)))
        if difference.settled is not None:
            lines.add(difference.settled.line)

    result = reconcile(rows, Pages(payments), tell=tell, covered=covered)
    expected = naive(rows, payments, covered)
    assert Counter(told) == expected
    assert [number for _, number in told] == sorted(number for _, number in told)
    named = {(row.tid, row.merc_trx_no) for row in rows}
    assert result.by_kind == {kind: sum(each is kind for each, _ in told) for kind in Kind}
    assert (result.rows, result.numbers, result.payments) == (len(rows), len(named), len(payments))
    assert result.matched == len(named - {number for _, number in expected})
    assert lines <= {row.line for row in rows}
    again, _ = compare(rows[::-1], Pages(payments[::-1]), covered)
    assert again == result


def test_every_payment_is_seen_whatever_the_pages() -> None:
    """Pages end anywhere: behind the last payment, before it, and on it."""
    for count in (0, 1, PAGE_PAYMENTS - 1, PAGE_PAYMENTS, PAGE_PAYMENTS + 1, 2 * PAGE_PAYMENTS):
        pages = Pages([payment(f"{n:05}") for n in range(count)])
        rows = [charge(f"{n:05}") for n in range(count)]
        result, told = compare(rows, pages)
        assert (result.matched, result.payments, told) == (count, count, [])
        assert all(limit == PAGE_PAYMENTS for _, limit in pages.asked)


def test_the_covered_dates_are_the_files_own() -> None:
    """They are its smallest and its largest date, unless one or both are told."""
    days = ("20231223", "20231224", "20231225", "20231226")
    pages = Pages([payment(day, tran_dt=day) for day in days])
    rows = [charge("A", date="20231225"), charge("B", date="20231224")]
    for covered, missed in [
        (Covered(), ["20231224", "20231225"]),
        (Covered(first="20231225"), ["20231225"]),
        (Covered(last="20231226"), ["20231224", "20231225", "20231226"]),
        (Covered("20231223", "20231223"), ["20231223"]),
    ]:
        result, told = compare(rows, pages, covered)
        assert [no for kind, no in told if kind is K.APPROVED_BUT_NOT_CHARGED] == missed
        assert result.covered.first is not None


@pytest.mark.parametrize(
    ("rows", "covered", "part"),
    [
        ([charge("A", date=None)], Covered(), "--from and --to"),
        ([charge("A", date=None)], Covered(first=DAY), "--from and --to"),
        ([], Covered(), "--from and --to"),
        ([charge("A")], Covered(first="20231226"), "in order"),
        ([charge("A")], Covered("20231226", "20231225"), "in order"),
    ],
)
def test_covered_dates_that_are_not_known(rows: list[Row], covered: Covered, part: str) -> None:
    """They are asked for before the journal is read, and nothing is told."""
    pages, told = Pages([payment("B")]), list[object]()
    with pytest.raises(ConfigurationError, match=part):
        reconcile(rows, pages, tell=told.append, covered=covered)
    assert (pages.asked, told) == ([], [])


@pytest.mark.parametrize("day", ["2023-12-25", "20230229", "", "２０231225"])
def test_covered_dates_that_are_none(day: str) -> None:
    """A date that no calendar has would cover nothing."""
    with pytest.raises(ConfigurationError, match="yyyyMMdd"):
        Covered(first=day)


def test_of_a_broken_file_nothing_is_told() -> None:
    """Not even of the rows before the broken one, and the journal isn't asked."""

    def broken() -> Iterator[Row]:
        yield charge("A")
        raise UnreadableSettlement(3, "why")

    pages, told = Pages([payment("A", S.DECLINED)]), list[object]()
    with pytest.raises(UnreadableSettlement):
        reconcile(broken(), pages, tell=told.append)
    assert (pages.asked, told) == ([], [])


def test_a_journal_that_sorts_otherwise_is_refused() -> None:
    """By a collation without case, payments would be missed and invented."""
    upside_down = Pages([])
    upside_down._payments = [payment("a"), payment("B")]
    with pytest.raises(JournalUnavailable, match="binary collation"):
        compare([], upside_down)


def test_a_journal_that_fails_is_told() -> None:
    """Its trouble goes through."""

    class Failing:
        def page(self, **_: object) -> Future[Page]:
            future: Future[Page] = Future()
            future.set_exception(JournalUnavailable("down"))
            return future

        def find_used(self, tid: str, merc_trx_no: str) -> Future[Used | None]:
            raise AssertionError(f"{merc_trx_no} of {tid} was asked for after the first trouble")

    with pytest.raises(JournalUnavailable, match="down"):
        compare([charge("A")], Failing())


def test_the_orphans_own_charge_is_told() -> None:
    """Amount and approval number are those of the charge that stands, not of one given back."""
    with Spill() as spill:
        spill.fill(
            [
                charge("A", 10_000, aprv_no="taken back"),
                charge("A", 10_000, is_refund=True, aprv_no="of the refund"),
                charge("A", 9_000, aprv_no="stands"),
            ]
        )
        [settled] = spill.settled()
    assert (settled.standing_charge, settled.aprv_no, settled.net) == (9_000, "stands", 9_000)


def test_what_is_spilled_has_no_name_and_one_reader() -> None:
    """The rows on disk lie in a file that is deleted while it is open, mode 0600."""

    def spilled() -> list[int]:
        fds = [fd for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink()]
        return [int(fd.name) for fd in fds if re.search("etilqs.*deleted", str(fd.readlink()))]

    assert spilled() == []
    with Spill() as spill:
        spill.fill(charge(f"{n:040}") for n in range(300_000))
        files = spilled()
        assert files
        assert {os.fstat(fd).st_mode & 0o777 for fd in files} == {0o600}
    assert spilled() == []
