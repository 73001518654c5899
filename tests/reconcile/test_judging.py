"""What each pair of settlement and journal is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netcancel.core.lifecycle import Resolution, State
from netcancel.core.payment import Unreadable, Used
from netcancel.kicc import ApprovalAnswer
from netcancel.reconcile import Covered, Kind, Row
from tests.reconcile.samples import DAY, Pages, charge, compare, payment, refund

if TYPE_CHECKING:
    from collections.abc import Sequence

    from netcancel.core.payment import Payment

K, S, R = Kind, State, Resolution

STANDINGS: list[tuple[State, Resolution | None, Kind | None]] = [
    (S.APPROVED, None, None),
    (S.UNCONFIRMED, None, None),
    (S.RESOLVED, R.CHARGE_STANDS, None),
    (S.NET_CANCELLED, None, K.CHARGED_BUT_VOIDED),
    (S.SETTLING, None, K.CHARGED_BUT_VOIDED),
    (S.RESOLVED, R.NO_CHARGE, K.CHARGED_BUT_VOIDED),
    (S.CANCELLED, None, K.CHARGED_BUT_REFUNDED),
    (S.RESOLVED, R.REFUNDED_OUTSIDE, K.CHARGED_BUT_REFUNDED),
    (S.DECLINED, None, K.CHARGED_BUT_DECLINED),
    (S.APPROVING, None, K.CHARGED_BUT_IN_DOUBT),
    (S.NET_CANCELLING, None, K.CHARGED_BUT_IN_DOUBT),
    (S.CANCELLING, None, K.CHARGED_BUT_IN_DOUBT),
    (S.ESCALATED, None, K.CHARGED_BUT_IN_DOUBT),
    (S.RESOLVED, None, K.CHARGED_BUT_IN_DOUBT),
]
"""What a charge is called in each state; None: as it must be."""


def kinds(
    rows: list[Row], payments: Sequence[Payment | Unreadable], covered: Covered | None = None
) -> list[Kind]:
    """Return the differences of one number."""
    result, told = compare(rows, Pages(payments), covered)
    assert result.by_kind == {kind: [each for each, _ in told].count(kind) for kind in Kind}
    assert result.matched == (1 if rows and not told else 0)
    assert result.balances is (not told)
    return [kind for kind, _ in told]


def test_every_state_has_its_word() -> None:
    """No state and no resolution is left out of the table above."""
    assert {state for state, _, _ in STANDINGS} == set(State)
    assert {resolution for _, resolution, _ in STANDINGS} >= set(Resolution)


@pytest.mark.parametrize(("state", "resolution", "kind"), STANDINGS)
def test_a_charge(state: State, resolution: Resolution | None, kind: Kind | None) -> None:
    """It is matched where the journal says so, and else called by what the journal says."""
    found = kinds([charge("A")], [payment("A", state, resolution=resolution)])
    assert found == ([] if kind is None else [kind])


@pytest.mark.parametrize(
    "rows", [[charge("A"), refund("A")], [refund("A")]], ids=["charge and refund", "refund alone"]
)
@pytest.mark.parametrize("covered", [None, Covered("20200101", "20200102")])
@pytest.mark.parametrize(("state", "resolution", "kind"), STANDINGS)
def test_a_charge_that_is_taken_back(
    state: State,
    resolution: Resolution | None,
    kind: Kind | None,
    rows: list[Row],
    covered: Covered | None,
) -> None:
    """It is missed where it must stand, whatever its date, and right everywhere else."""
    found = kinds(rows, [payment("A", state, resolution=resolution)], covered)
    assert found == ([K.APPROVED_BUT_NOT_CHARGED] if kind is None else [])


@pytest.mark.parametrize(("state", "resolution", "kind"), STANDINGS)
@pytest.mark.parametrize(
    ("day", "is_covered"),
    [("20231223", False), ("20231224", True), ("20231226", True), ("20231227", False)],
)
def test_a_payment_that_is_not_named(
    state: State, resolution: Resolution | None, kind: Kind | None, day: str, *, is_covered: bool
) -> None:
    """It is missed where it must stand and the file covers its day, both ends included."""
    seen = payment("A", state, resolution=resolution, tran_dt=day)
    found = kinds([], [seen], Covered("20231224", "20231226"))
    assert found == ([K.APPROVED_BUT_NOT_CHARGED] if kind is None and is_covered else [])


def test_a_payment_of_a_terminal_that_is_not_covered() -> None:
    """A file of some terminals says nothing of the others."""
    seen = [payment("A"), payment("A", tid="T2")]
    covered = Covered("20231225", "20231225", frozenset({"T2"}))
    assert kinds([], seen) == [K.APPROVED_BUT_NOT_CHARGED] * 2
    assert kinds([], seen, covered) == [K.APPROVED_BUT_NOT_CHARGED]


@pytest.mark.parametrize("rows", [[charge("A")], [charge("A"), refund("A")], [refund("A")]])
def test_a_number_that_the_journal_does_not_have(rows: list[Row]) -> None:
    """It is unknown, charged or not; so is a known number of another terminal."""
    assert kinds(rows, []) == [K.UNKNOWN_NUMBER]
    assert kinds(rows, [payment("A", S.DECLINED, tid="T2")]) == [K.UNKNOWN_NUMBER]
    assert kinds(rows, [payment("a", S.DECLINED)]) == [K.UNKNOWN_NUMBER]


@pytest.mark.parametrize("day", ["20231223", DAY])
@pytest.mark.parametrize("rows", [[], [charge("A")], [charge("A")] * 2, [refund("A")]])
def test_a_payment_of_a_newer_netcancel(rows: list[Row], day: str) -> None:
    """Nothing is known of it: that is told where the file names it or covers its day."""
    strange = Unreadable(payment("A").tid, "A", day)
    expected = [K.UNREADABLE] if rows or day == DAY else []
    assert kinds(rows, [strange]) == expected
    assert kinds(rows, [strange, payment("B")]) == [*expected, K.APPROVED_BUT_NOT_CHARGED]


@pytest.mark.parametrize(
    ("state", "if_charged", "if_taken_back"),
    [
        (S.APPROVED, [], [K.APPROVED_BUT_NOT_CHARGED]),
        (S.NET_CANCELLED, [K.CHARGED_BUT_VOIDED], []),
        (S.CANCELLED, [K.CHARGED_BUT_REFUNDED], []),
        (S.DECLINED, [K.CHARGED_BUT_DECLINED], []),
        (S.RESOLVED, [K.CLOSED_BY_A_PERSON], []),
        ("a newer state", [K.UNREADABLE], [K.UNREADABLE]),
    ],
)
def test_a_number_whose_payment_was_archived(
    state: str, if_charged: list[Kind], if_taken_back: list[Kind]
) -> None:
    """Its state is compared; whether its amount is right and its day is covered isn't known."""
    journal = Pages([], {(payment("A").tid, "A"): Used(state, closed_at=0, archived_at=1)})

    def told(*rows: Row) -> list[Kind]:
        return [kind for kind, _ in compare(rows, journal)[1]]

    assert told(charge("A", 1)) == if_charged
    assert told(charge("A"), charge("A")) == [*if_charged, K.DUPLICATE]
    assert told(charge("A"), refund("A")) == if_taken_back
    assert told() == []


APPROVED = payment("A")
VOID = payment("A", S.NET_CANCELLED)
REFUNDED = payment("A", S.CANCELLED)


@pytest.mark.parametrize(
    ("rows", "seen", "expected"),
    [
        ([charge("A", 9_000)], APPROVED, [K.AMOUNT_DIFFERS]),
        ([charge("A", 0)], APPROVED, [K.APPROVED_BUT_NOT_CHARGED, K.AMOUNT_DIFFERS]),
        ([charge("A", 9_000)], VOID, [K.CHARGED_BUT_VOIDED, K.AMOUNT_DIFFERS]),
        ([charge("A")] * 2, APPROVED, [K.DUPLICATE]),
        ([charge("A")] * 3, VOID, [K.CHARGED_BUT_VOIDED, K.DUPLICATE]),
        ([charge("A"), charge("A", 5)], APPROVED, [K.DUPLICATE, K.AMOUNT_DIFFERS]),
        ([charge("A"), charge("A", 5)], None, [K.DUPLICATE, K.UNKNOWN_NUMBER]),
        # A second charge that was given back is none.
        ([charge("A"), charge("A"), refund("A")], APPROVED, []),
        ([charge("A"), charge("A", 5), refund("A", 5)], APPROVED, []),
        ([charge("A"), charge("A"), refund("A"), refund("A")], VOID, []),
        # A part of a charge that was given back leaves the rest of it.
        ([charge("A"), refund("A", 4_000)], APPROVED, [K.AMOUNT_DIFFERS]),
        ([charge("A"), refund("A", 4_000)], REFUNDED, [K.CHARGED_BUT_REFUNDED, K.AMOUNT_DIFFERS]),
        ([refund("A", 4_000)], REFUNDED, [K.AMOUNT_DIFFERS]),
        # More was given back than was taken.
        ([charge("A"), refund("A"), refund("A")], REFUNDED, [K.DUPLICATE]),
        ([refund("A"), refund("A")], REFUNDED, [K.DUPLICATE]),
        ([charge("A"), refund("A", 12_000)], REFUNDED, [K.AMOUNT_DIFFERS]),
    ],
)
def test_amounts_and_repeats(rows: list[Row], seen: Payment | None, expected: list[Kind]) -> None:
    """Each is told besides what the charge itself is called, the gravest first."""
    assert kinds(rows, [] if seen is None else [seen]) == expected
    assert kinds(rows[::-1], [] if seen is None else [seen]) == expected


@pytest.mark.parametrize(
    ("answered", "charged", "expected"),
    [(9_000, 9_000, []), (9_000, 10_000, [K.AMOUNT_DIFFERS]), (None, 10_000, [])],
)
def test_the_approved_amount_is_the_one_that_counts(
    answered: int | None, charged: int, expected: list[Kind]
) -> None:
    """It is the answer's, and what was asked for only where the answer has none."""
    seen = payment("A", trx_amt=10_000, answer=ApprovalAnswer(trx_amt=answered))
    assert kinds([charge("A", charged)], [seen]) == expected
