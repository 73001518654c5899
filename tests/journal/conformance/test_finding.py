"""What is looked for is found: one payment, a page of them, or nothing."""

from dataclasses import replace
from typing import Any

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Payment
from netcancel.journal import Journal
from tests.journal.samples import ANSWER, HOLD, WAYS, WORLD, Clock, again, bring_to, move, open_one


def confirm(journal: Journal, number: str) -> Payment | None:
    """Confirm a number in the tests' world."""
    asked = journal.confirm_if_unconfirmed(
        worlds=[WORLD], tid="T123456789", merc_trx_no=number, writer="merchant"
    )
    return asked.result()


def test_what_is_unknown_is_none(journal: Journal) -> None:
    """Reading and finding what isn't there says so."""
    assert journal.read("nobody").result() is None
    for number in ("ORD_NEVER", "", "half of a pair \ud83d"):
        assert journal.find("T123456789", number).result() is None
        assert confirm(journal, number) is None


@pytest.mark.parametrize("text", ["\udcff", "\0", "ORD\ud83d"])
def test_what_no_journal_can_hold_is_not_there(journal: Journal, text: str) -> None:
    """A number that a shell or a JSON text brought along is looked for like any other."""
    open_one(journal)
    assert journal.read(text).result() is None
    assert journal.find("T123456789", text).result() is None
    assert journal.find_by_van_number("T123456789", text).result() is None
    assert journal.find_used("T123456789", text).result() is None


def test_a_payment_is_found_by_its_number(journal: Journal) -> None:
    """The number is the terminal's and the merchant's together, byte by byte."""
    payment = open_one(journal, merc_trx_no="ORD_a")
    found = journal.find(payment.tid, "ORD_a").result()
    assert found == again(journal, payment)
    assert journal.find(payment.tid, "ORD_A").result() is None
    assert journal.find("T000000000", "ORD_a").result() is None


def test_a_payment_is_found_by_its_van_number(journal: Journal) -> None:
    """The newest of a terminal whose proven answer has it, however the answer came there."""
    proven, noted = open_one(journal), open_one(journal)
    answer = replace(ANSWER, van_trx_no="VAN1")
    proven = move(journal, proven, Event.APPROVAL_PROVEN, Change(answer=answer))
    assert journal.find_by_van_number(proven.tid, "VAN1").result() == again(journal, proven)
    late = Change(answer=answer, hold_seconds=HOLD)
    journal.note(noted, Event.LATE_APPROVAL, "owner", late).result()
    assert journal.find_by_van_number(noted.tid, "VAN1").result() == again(journal, noted)
    assert journal.find_by_van_number("T000000000", "VAN1").result() is None
    assert journal.find_by_van_number(noted.tid, "van1").result() is None


def test_pages_follow_the_numbers_in_the_order_of_their_bytes(journal: Journal) -> None:
    """Every payment comes once, whatever its world, behind the last page's last."""
    numbers = ["a", "B", "_", "B1", "~", "10", "9"]
    for tid in ("T2", "T10"):
        for number in numbers:
            open_one(journal, tid=tid, merc_trx_no=number, world=f"world of {number}")
    seen: list[tuple[str, str]] = []
    while page := journal.page(after=seen[-1] if seen else None, limit=3).result():
        assert len(page) <= 3
        seen += [(payment.tid, payment.merc_trx_no) for payment in page]
    assert seen == sorted((tid, number) for tid in ("T2", "T10") for number in numbers)


def test_listing_chooses_by_state_and_doubt(journal: Journal, clock: Clock) -> None:
    """Newest first, without history, at most so many."""
    payments = {state: bring_to(journal, state) for state in WAYS}
    newest_first = [payment.id for payment in reversed(payments.values())]

    def ids(**options: Any) -> list[str]:
        return [payment.id for payment in journal.list_payments(**options).result()]

    assert ids() == newest_first
    assert ids(limit=3) == newest_first[:3]
    assert ids(states=[State.DECLINED]) == [payments[State.DECLINED].id]
    assert ids(states=[]) == []
    always = {State.NET_CANCELLING, State.CANCELLING}
    doubtful = [payment.id for state, payment in payments.items() if state in always]
    assert ids(in_doubt=True) == doubtful[::-1]
    clock.advance(HOLD)
    doubtful.insert(0, payments[State.APPROVING].id)
    assert ids(in_doubt=True) == doubtful[::-1]
    assert ids(in_doubt=True, states=[State.APPROVING]) == doubtful[:1]
    listed = journal.list_payments(in_doubt=True).result()
    assert all(payment.in_doubt and payment.history == () for payment in listed)
