"""The merge on real journals: every kind is planted by moves of the table; memory is bounded."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import Resolution, State
from netcancel.journal import open_journal
from netcancel.reconcile import Kind
from tests.journal.samples import open_file
from tests.reconcile.many import RSS_MIB_MAX, fill, run, write_file
from tests.reconcile.samples import approve_with, charge, compare, plant, refund

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netcancel.journal import Journal

S, R, K = State, Resolution, Kind


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """Return an empty journal of each kind."""
    opened = open_journal("memory://") if request.param == "memory" else open_file(tmp_path / "j")
    with closing(opened):
        yield opened


def test_each_kind_planted_once(journal: Journal) -> None:
    """Each is told with its number, and nothing else is."""
    planted = [
        (K.CHARGED_BUT_VOIDED, "void", S.NET_CANCELLED, None),
        (K.CHARGED_BUT_VOIDED, "settling", S.SETTLING, None),
        (K.CHARGED_BUT_VOIDED, "no-charge", S.RESOLVED, R.NO_CHARGE),
        (K.CHARGED_BUT_REFUNDED, "cancelled", S.CANCELLED, None),
        (K.CHARGED_BUT_REFUNDED, "outside", S.RESOLVED, R.REFUNDED_OUTSIDE),
        (K.CHARGED_BUT_DECLINED, "declined", S.DECLINED, None),
        (K.CHARGED_BUT_IN_DOUBT, "approving", S.APPROVING, None),
        (K.CHARGED_BUT_IN_DOUBT, "voiding", S.NET_CANCELLING, None),
        (K.CHARGED_BUT_IN_DOUBT, "cancelling", S.CANCELLING, None),
        (K.CHARGED_BUT_IN_DOUBT, "escalated", S.ESCALATED, None),
        (K.APPROVED_BUT_NOT_CHARGED, "Unpaid", S.APPROVED, None),
        (K.APPROVED_BUT_NOT_CHARGED, "Unpaid-2", S.UNCONFIRMED, None),
        (K.APPROVED_BUT_NOT_CHARGED, "Unpaid-3", S.RESOLVED, R.CHARGE_STANDS),
    ]
    for _, number, state, resolution in planted:
        plant(journal, number, state, resolution)
    rows = [charge(no) for kind, no, _, _ in planted if kind is not K.APPROVED_BUT_NOT_CHARGED]
    for number, state in [("good", S.APPROVED), ("good-2", S.UNCONFIRMED), ("back", S.APPROVED)]:
        plant(journal, number, state)
        rows.append(charge(number))
    rows.append(refund("back"))
    plant(journal, "old", S.APPROVED, tran_dt="20231224")
    plant(journal, "twice", S.APPROVED)
    approve_with(journal, "other", 9_000)
    rows += [charge("twice"), charge("twice"), charge("other"), charge("nobody's")]
    for number, state in [("quiet", S.NET_CANCELLED), ("quiet-2", S.ESCALATED)]:
        plant(journal, number, state)
    result, told = compare(rows, journal)
    assert sorted(told) == sorted(
        [
            *((kind, number) for kind, number, _, _ in planted),
            (K.APPROVED_BUT_NOT_CHARGED, "back"),
            (K.DUPLICATE, "twice"),
            (K.AMOUNT_DIFFERS, "other"),
            (K.UNKNOWN_NUMBER, "nobody's"),
        ]
    )
    assert (result.matched, result.payments) == (2, 21)


def test_what_has_been_archived_is_compared_by_its_state(journal: Journal) -> None:
    """A charge of what was closed as void is an orphan; of what was approved, it is right."""
    closed = [plant(journal, "good", S.APPROVED), plant(journal, "void", S.NET_CANCELLED)]
    assert journal.shred_closed(keep_seconds=0, limit=10).result() == len(closed)
    whole = [journal.read(payment.id).result() for payment in closed]
    assert journal.archive([each for each in whole if each is not None]).result() == len(closed)
    result, told = compare([charge("good"), charge("void"), charge("nobody's")], journal)
    assert told == [(K.UNKNOWN_NUMBER, "nobody's"), (K.CHARGED_BUT_VOIDED, "void")]
    assert (result.matched, result.payments) == (1, 0)


def test_the_order_of_numbers_is_the_journals(journal: Journal) -> None:
    """Case, length and signs sort alike on both sides: all match, and nothing is left over."""
    numbers = ["a", "A", "AB", "A_", "A-", "_", "-", "~", "0", "00", "Z", "z"]
    for number in numbers:
        plant(journal, number, S.APPROVED)
        plant(journal, number, S.APPROVED, tid="T1")
    rows = [charge(no) for no in numbers] + [charge(no, tid="T1") for no in numbers]
    result, told = compare(rows, journal)
    assert (result.matched, told) == (24, [])


def test_memory_is_bounded(tmp_path: Path) -> None:
    """100,000 payments and rows need no more than any number of them may."""
    fill(tmp_path / "payments.db", 100_000)
    write_file(tmp_path / "file.csv", 100_000)
    done, peak_mib = run(tmp_path, "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert document["payments"] == document["rows"] == 100_001
    assert document["matched"] == 100_000
    assert {kind: n for kind, n in document["by_kind"].items() if n} == {
        K.APPROVED_BUT_NOT_CHARGED: 1,
        K.UNKNOWN_NUMBER: 1,
    }
    assert peak_mib < RSS_MIB_MAX


def test_one_number_a_hundred_thousand_times(tmp_path: Path) -> None:
    """Rows of one number aren't gathered in memory either, and all differ from each other."""
    fill(tmp_path / "payments.db", 1)
    rows = "".join(f"T123456789,MODEL,{n},20231225,1\n" for n in range(1, 100_001))
    (tmp_path / "file.csv").write_text("tid,mercTrxNo,trxAmt,tranDt,aprvNo\n" + rows)
    done, peak_mib = run(tmp_path, "--json")
    document = json.loads(done.stdout)
    assert document["numbers"] == 1
    [twice] = [row for row in document["differences"] if row["kind"] == K.DUPLICATE]
    assert (twice["charges"], twice["charged"]) == (100_000, 5_000_050_000)
    assert peak_mib < RSS_MIB_MAX
