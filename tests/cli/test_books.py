"""Closing the books: each way in which they can be wrong is found, and nothing else is."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Payment, Version
from netcancel.demo.books import Fault, Told, close_books

TID = "T123456789"
NUMBER = (TID, "A")


def charge(status: str = "live", amount: int = 10_000, number: str = "A") -> dict[str, Any]:
    """Return a row of the sandbox's ledger."""
    return {"tid": TID, "merc_trx_no": number, "trx_amt": amount, "status": status}


def payment(state: State, number: str = "A") -> Payment:
    """Return a row of the journal."""
    return Payment(
        id=number,
        world="w",
        tid=TID,
        svc_id="SVC_SIMPLE",
        bizr_no="1234567890",
        merc_trx_no=number,
        state=state,
        version=Version(1, "f00d"),
        last_event=Event.INTENT_WRITTEN,
        alot_month="00",
        trx_amt=10_000,
        vat_amt=909,
        svc_amt=0,
        tran_dt="20260102",
        tran_tm="030405",
        answer=None,
        loss=None,
        code=None,
        message=None,
        detail="",
        never_sent=False,
        cancel_reason=None,
        cancel_trx_no=None,
        cancel_body=None,
        resolution=None,
        attempts=0,
        is_held=False,
        due_at=None,
        owed_since=None,
        settle_at=0,
        alarmed=False,
        created_at=0,
        updated_at=0,
        read_at=0,
    )


def faults(charges: list[dict[str, Any]], payments: list[Payment], *told: str) -> list[Fault]:
    """Close the books of one number and return what is wrong with them."""
    tellings = [Told(NUMBER, outcome) for outcome in told]
    return [problem.fault for problem in close_books(charges, payments, tellings).problems]


RIGHT: list[tuple[list[dict[str, Any]], State, list[str]]] = [
    ([charge()], State.APPROVED, ["Approved", "InDoubt"]),
    ([charge("voided")], State.NET_CANCELLED, ["NetCancelled", "InDoubt", "Declined"]),
    ([charge("refunded")], State.CANCELLED, ["Cancelled", "InDoubt"]),
    ([], State.NET_CANCELLED, ["NetCancelled", "InDoubt"]),
    ([], State.DECLINED, ["Declined", "InDoubt"]),
]


@pytest.mark.parametrize(("charges", "state", "told"), RIGHT)
def test_right_books_balance(charges: list[dict[str, Any]], state: State, told: list[str]) -> None:
    """Every lawful pair of ledger and journal balances, whatever was lawfully told, or nothing."""
    assert close_books(charges, [payment(state)]).balances
    for outcome in told:
        assert faults(charges, [payment(state)], outcome) == []


def test_nothing_balances() -> None:
    """Empty books are right."""
    assert close_books([], []).balances


WRONG: list[tuple[list[dict[str, Any]], list[State], list[Fault]]] = [
    ([charge()], [], [Fault.ORPHAN]),
    ([charge()], [State.NET_CANCELLED], [Fault.ORPHAN]),
    ([charge()], [State.DECLINED], [Fault.ORPHAN]),
    ([charge()], [State.CANCELLED], [Fault.ORPHAN]),
    ([charge("voided"), charge()], [State.NET_CANCELLED], [Fault.ORPHAN]),
    ([], [State.APPROVED], [Fault.LOST_SALE]),
    ([charge("voided")], [State.APPROVED], [Fault.LOST_SALE]),
    ([charge("refunded")], [State.APPROVED], [Fault.LOST_SALE]),
    ([charge(amount=10_001)], [State.APPROVED], [Fault.OTHER_AMOUNT]),
    ([charge(), charge()], [State.APPROVED], [Fault.CHARGED_TWICE]),
    ([charge(), charge()], [], [Fault.CHARGED_TWICE, Fault.ORPHAN]),
    (
        [charge(), charge(amount=1)],
        [State.APPROVED],
        [Fault.CHARGED_TWICE, Fault.OTHER_AMOUNT],
    ),
    ([charge("voided")], [], [Fault.VOIDED_UNSAID]),
    ([charge("voided")], [State.DECLINED], [Fault.VOIDED_UNSAID]),
]


@pytest.mark.parametrize(("charges", "states", "wrong"), WRONG)
def test_wrong_books_do_not_balance(
    charges: list[dict[str, Any]], states: list[State], wrong: list[Fault]
) -> None:
    """Each kind of imbalance has its name."""
    assert faults(charges, [payment(state) for state in states]) == wrong


@pytest.mark.parametrize("state", [state for state in State if not state.is_final])
@pytest.mark.parametrize("charges", [[], [charge()], [charge("voided")]])
def test_what_is_still_owed_is_open(charges: list[dict[str, Any]], state: State) -> None:
    """An unfinished payment is not balanced, and its charge isn't called an orphan."""
    assert faults(charges, [payment(state)]) == [Fault.OPEN]


TOLD_WRONG = [
    ([charge()], State.APPROVED, ["Declined", "NetCancelled", "Cancelled"]),
    ([charge("voided")], State.NET_CANCELLED, ["Approved"]),
    ([], State.DECLINED, ["Approved"]),
]


@pytest.mark.parametrize(("charges", "state", "told"), TOLD_WRONG)
def test_a_caller_who_was_told_otherwise_is_found(
    charges: list[dict[str, Any]], state: State, told: list[str]
) -> None:
    """What a caller acts on must be what the ledger says."""
    for outcome in told:
        assert faults(charges, [payment(state)], outcome) == [Fault.TOLD_OTHERWISE]


def test_a_forgotten_payment_is_found() -> None:
    """A journal that lost what it told of is not balanced, even if nobody was charged."""
    assert faults([], [], "NetCancelled") == [Fault.FORGOTTEN]


def test_numbers_of_two_terminals_are_two_payments() -> None:
    """A number is a payment's only together with its terminal."""
    other = charge() | {"tid": "T2"}
    assert faults([other], [payment(State.APPROVED)]) == [Fault.LOST_SALE, Fault.ORPHAN]


def test_every_pair_of_ledger_and_state_has_one_verdict() -> None:
    """Over all states and small ledgers, the books balance exactly in the lawful pairs."""
    ledgers = {
        "none": [],
        "live": [charge()],
        "voided": [charge("voided")],
        "refunded": [charge("refunded")],
    }
    lawful = {
        *(("live", State.APPROVED), ("none", State.DECLINED), ("none", State.RESOLVED)),
        *product(("none", "voided", "refunded"), (State.NET_CANCELLED, State.CANCELLED)),
    }
    assert lawful == {
        (name, state)
        for (name, charges), state in product(ledgers.items(), State)
        if close_books(charges, [payment(state)]).balances
    }


def test_sums_are_counted() -> None:
    """The balance has the figures that are printed."""
    balance = close_books(
        [charge(), charge("voided", number="B"), charge("refunded", number="C")],
        [payment(State.APPROVED), payment(State.NET_CANCELLED, "B"), payment(State.CANCELLED, "C")],
        [Told(NUMBER, "Approved")],
    )
    assert (balance.charged, balance.live, balance.voided) == (3, 1, 2)
    assert (balance.live_amount, balance.approved_amount) == (10_000, 10_000)
    assert balance.by_state[State.NET_CANCELLED] == 1
    assert balance.told == {"Approved": 1}
    assert balance.balances
