"""Rows that are damaged, or a newer netcancel's, keep nobody from the others."""

from pathlib import Path

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Claim, Payment
from netcancel.errors import JournalUnavailable
from netcancel.journal import Journal
from netcancel.journal.contract import ArchivePlace
from tests.journal.samples import (
    BODY,
    CHANGES,
    HOLD,
    WORLD,
    Clock,
    bring_to,
    claim,
    intent,
    move,
    open_one,
)
from tests.journal.sqlite.files import run_sql

SPOILED_ROWS = {
    "moved": "UPDATE payment SET sealed_body = (SELECT sealed_body FROM payment WHERE seq = 1),"
    " sealed_key = (SELECT sealed_key FROM payment WHERE seq = 1) WHERE seq = 2",
    "text changed": "UPDATE payment SET sealed_body = zeroblob(300) WHERE seq = 2",
    "key changed": "UPDATE payment SET sealed_key = zeroblob(69) WHERE seq = 2",
    "key gone": "UPDATE payment SET sealed_key = NULL WHERE seq = 2",
    "answer damaged": "UPDATE payment SET answer = '{' WHERE seq = 2",
    "answer no object": "UPDATE payment SET answer = '[]' WHERE seq = 2",
    "answer too deep": "UPDATE payment SET answer = replace(hex(zeroblob(99999)), '0', '[')"
    " WHERE seq = 2",
    "answer no UTF-8": "UPDATE payment SET answer = CAST(x'227BFF7D22' AS TEXT) WHERE seq = 2",
    "loss unknown": "UPDATE payment SET loss = 'eaten by a dog' WHERE seq = 2",
}
UNREADABLE_ROWS = {name: sql for name, sql in SPOILED_ROWS.items() if "answer" in name} | {
    "loss unknown": SPOILED_ROWS["loss unknown"]
}


def claim_of_three(
    journal: Journal, clock: Clock, path: Path, damage: str
) -> tuple[list[Payment], list[Claim]]:
    """Open three payments, damage the second, and claim what is due of them."""
    payments = [open_one(journal) for _ in range(3)]
    run_sql(path, damage)
    clock.advance(HOLD)
    claims = journal.claim_due(world=WORLD, writer="w", limit=9, hold_seconds=HOLD).result()
    return payments, [*claims]


@pytest.mark.parametrize("damage", SPOILED_ROWS.values(), ids=SPOILED_ROWS)
def test_a_poisoned_row_is_claimed_without_its_body(
    journal: Journal, clock: Clock, path: Path, damage: str
) -> None:
    """So that its worker hands it to a person; the other rows are as good as ever."""
    payments, claims = claim_of_three(journal, clock, path, damage)
    assert [each.payment.id for each in claims] == [payment.id for payment in payments]
    assert [each.net_cancel_body for each in claims] == [BODY, None, BODY]
    move(journal, claims[1].payment, Event.POISONED, CHANGES[State.ESCALATED])


UNWRITABLE_ROWS = {
    "a count below one": "UPDATE payment SET version_count = -5 WHERE seq = 2",
    "a version told before": "INSERT INTO history SELECT seq, 2, 0, updated_at, 'x', state, 'x',"
    " state, '' FROM payment WHERE seq = 2",
}


@pytest.mark.parametrize("damage", UNWRITABLE_ROWS.values(), ids=UNWRITABLE_ROWS)
def test_a_row_that_can_not_be_written_stops_no_claim(
    journal: Journal, clock: Clock, path: Path, damage: str
) -> None:
    """It breaks a constraint with every write; it is left as it is, the others are claimed."""
    payments, claims = claim_of_three(journal, clock, path, damage)
    assert [each.payment.id for each in claims] == [payments[0].id, payments[2].id]
    assert [each.net_cancel_body for each in claims] == [BODY, BODY]


@pytest.mark.parametrize("damage", UNWRITABLE_ROWS.values(), ids=UNWRITABLE_ROWS)
@pytest.mark.parametrize("limit", [1, 2, 3])
def test_a_row_that_can_not_be_written_holds_nobodys_place(
    journal: Journal, clock: Clock, path: Path, damage: str, limit: int
) -> None:
    """It is due for ever; every claim is as full as if it weren't there."""
    payments = [open_one(journal) for _ in range(6)]
    for place in (1, 2, 4):
        run_sql(path, damage.replace("seq = 2", f"seq = {place}"))
    clock.advance(HOLD)
    rest = [payments[place - 1].id for place in (3, 5, 6)]
    while rest:
        assert [each.id for each in claim(journal, limit=limit)] == rest[:limit]
        rest = rest[limit:]
    assert claim(journal) == []


@pytest.mark.parametrize("damage", UNREADABLE_ROWS.values(), ids=UNREADABLE_ROWS)
def test_a_row_that_can_not_be_read_is_seen_and_named(
    journal: Journal, path: Path, damage: str
) -> None:
    """Lists and counts hold it, without what is damaged; whoever asks for it alone is told."""
    payments = [open_one(journal) for _ in range(3)]
    run_sql(path, damage)
    listed = journal.list_payments().result()
    assert listed == payments[::-1]
    assert journal.summary(worlds=[WORLD]).result().by_state == {State.APPROVING: 3}
    assert_only_it_is_unreadable(journal, payments[1])
    assert journal.read(payments[0].id).result() is not None


@pytest.mark.parametrize("damage", UNREADABLE_ROWS.values(), ids=UNREADABLE_ROWS)
def test_a_row_that_can_not_be_read_is_handed_over(
    journal: Journal, path: Path, damage: str
) -> None:
    """Its owner need not wait for the lease to end: what is damaged has no part in it."""
    open_one(journal)
    damaged = open_one(journal)
    run_sql(path, damage)
    journal.hand_over_if_held(damaged.id, damaged.version.writer).result()
    assert [each.id for each in claim(journal)] == [damaged.id]


def assert_only_it_is_unreadable(journal: Journal, payment: Payment) -> None:
    """Ask for a payment in every way, between good ones."""
    for future in (
        journal.read(payment.id),
        journal.find(payment.tid, payment.merc_trx_no),
        journal.open_new(intent(merc_trx_no=payment.merc_trx_no)),
    ):
        with pytest.raises(JournalUnavailable, match=f"{payment.id} can't be read by this version"):
            future.result()


STRANGE_LINES = {
    "an event": "VALUES (1, 1, 9, 1, 'newer', 'approving', 'haggled', 'approving', '')",
    "a source": "VALUES (1, 1, 9, 1, 'newer', 'haggling', 'claimed', 'approving', '')",
    "a target": "VALUES (1, 1, 9, 1, 'newer', 'approving', 'claimed', 'haggling', '')",
}


@pytest.mark.parametrize("line", STRANGE_LINES.values(), ids=STRANGE_LINES)
def test_a_line_of_a_newer_netcancel_is_left_out(journal: Journal, path: Path, line: str) -> None:
    """The payment and the rest of its history can be read."""
    payment = open_one(journal)
    before = journal.read(payment.id).result()
    run_sql(path, f"INSERT INTO history {line}")
    assert journal.read(payment.id).result() == before
    assert journal.find(payment.tid, payment.merc_trx_no).result() == before


def test_a_state_of_a_newer_netcancel_is_left_alone(
    journal: Journal, clock: Clock, path: Path
) -> None:
    """Never claimed, said when read, counted among what no worker here may touch."""
    strange, plain = open_one(journal), open_one(journal)
    run_sql(path, "UPDATE payment SET state = 'haggling' WHERE seq = 1")
    clock.advance(HOLD)
    assert [each.id for each in journal.list_payments().result()] == [plain.id]
    summary = journal.summary(worlds=[WORLD]).result()
    assert (summary.by_state, summary.of_other_worlds) == ({State.APPROVING: 1}, 1)
    assert journal.strangers().result() == 1
    assert_only_it_is_unreadable(journal, strange)
    assert [each.id for each in claim(journal)] == [plain.id]


def test_what_can_not_be_read_whole_does_not_leave(
    journal: Journal, clock: Clock, path: Path
) -> None:
    """A damaged answer, or a line of a newer netcancel: the file would miss it."""
    payments = [bring_to(journal, State.APPROVED) for _ in range(4)]
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=9).result()
    run_sql(
        path,
        SPOILED_ROWS["answer damaged"],
        "INSERT INTO history VALUES (3, 2, 9, 1, 'newer', 'approved', 'haggled', 'approved', '')",
    )
    found = journal.archivable(ArchivePlace(), closed_seconds=0, limit=9).result()
    assert found.unreadable == 2
    assert {each.id for each in found.payments} == {payments[0].id, payments[3].id}
