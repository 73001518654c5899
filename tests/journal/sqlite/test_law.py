"""What the file itself demands of whoever writes to it, and what its statements cost."""

import re
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Change, Payment
from netcancel.journal import Journal
from netcancel.journal.contract import ArchivePlace
from netcancel.journal.sqlite_file import SQL, connect
from tests.journal.samples import (
    FORBIDDEN,
    Clock,
    again,
    bring_to,
    fate,
    intent,
    open_file,
    open_one,
)
from tests.journal.sqlite.files import run_sql

IN_A_FILE = FORBIDDEN | {"replace history": "REPLACE INTO history SELECT * FROM history"}


@pytest.mark.parametrize("statement", IN_A_FILE.values(), ids=IN_A_FILE)
def test_the_file_itself_repeats_the_law(journal: Journal, path: Path, statement: str) -> None:
    """Whoever writes to the file with our settings, these things can't be written."""
    open_one(journal)
    journal.hold_if_unheld("restored").result()
    journal.close()
    connection = connect(path, "truncate")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()


FORBIDDEN_OF_CLOSED = {
    "delete a payment": "DELETE FROM payment",
    "delete history": "DELETE FROM history",
}


FORBIDDEN_OF_USED = {
    "forget a used number": "DELETE FROM used_number",
    "change a used number": "UPDATE used_number SET archived_at = 1",
}


@pytest.mark.parametrize(
    "statement",
    [*FORBIDDEN_OF_CLOSED.values(), *FORBIDDEN_OF_USED.values()],
    ids=[*FORBIDDEN_OF_CLOSED, *FORBIDDEN_OF_USED],
)
def test_the_file_itself_forgets_no_number(
    journal: Journal, clock: Clock, path: Path, statement: str
) -> None:
    """Closed and shredded is not enough to be deleted, and what was used stays so."""
    payments = [bring_to(journal, State.DECLINED) for _ in range(2)]
    clock.advance(1)
    journal.shred_closed(keep_seconds=0, limit=9).result()
    assert journal.archive([again(journal, payments[0])]).result() == 1
    journal.close()
    connection = connect(path, "truncate")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)
    connection.close()


def test_a_number_is_not_opened_while_its_payment_leaves(path: Path) -> None:
    """By another process at the same moment: it is known, or used, never opened."""
    clock = Clock()
    keeping, paying = open_file(path, clock), open_file(path, clock)
    payments = [bring_to(keeping, State.DECLINED) for _ in range(40)]
    clock.advance(1)
    keeping.shred_closed(keep_seconds=0, limit=99).result()
    found = keeping.archivable(ArchivePlace(), closed_seconds=0, limit=99).result()
    start = threading.Barrier(2)

    def leave(payment: Payment) -> int:
        start.wait()
        return keeping.archive([payment]).result()

    def pay(payment: Payment) -> str:
        start.wait()
        return fate(paying.open_new(intent(merc_trx_no=payment.merc_trx_no)).result())

    with ThreadPoolExecutor(2) as pool:
        for payment in found.payments:
            left, opened = pool.submit(leave, payment), pool.submit(pay, payment)
            assert (left.result(), opened.result() in {"Known", "Used"}) == (1, True)
    assert len(found.payments) == len(payments)
    keeping.close()
    paying.close()


@pytest.mark.parametrize("amounts", [(0, 0, 0), (10**10, 0, 0), (5, 6, 0), (5, 0, 6), (5, -1, 0)])
def test_amounts_that_can_not_be_are_not_written(
    journal: Journal, amounts: tuple[int, int, int]
) -> None:
    """They are refused long before; here they would be a bug, and the row is not there."""
    total, vat, service = amounts
    wrong = intent(trx_amt=total, vat_amt=vat, svc_amt=service)
    with pytest.raises(sqlite3.IntegrityError, match="amounts_fit"):
        journal.open_new(wrong).result()
    assert fate(journal.open_new(replace(wrong, trx_amt=9, vat_amt=0, svc_amt=0)).result())


def test_a_change_by_a_note_is_no_change_of_the_version(journal: Journal, path: Path) -> None:
    """The history's triggers tell moves from notes."""
    payment = bring_to(journal, State.ESCALATED)
    journal.note(payment, Event.NOT_ACKNOWLEDGED, "late", Change(note="x")).result()
    lines = run_sql(path, "SELECT version_count, line FROM history ORDER BY 1, 2")
    assert lines == [(1, 0), (2, 0), (3, 0), (3, 1)]


def test_every_statement_is_used_and_every_index_is_needed(made: Path) -> None:
    """No statement that runs often walks through the whole table."""
    connection = connect(made, "truncate")
    for name in ("due", "count_in_doubt", "count_owed", "list_in_doubt", "summary_in_doubt",
                 "shred_keys", "shred_bodies", "read", "find", "history", "move", "note",
                 "noted_answers", "strangers", "neglected", "archivable",
                 "sealed_with", "summary_states", "summary_refusals"):  # fmt: skip
        text = re.sub(r"--[^\n]*", "", SQL.script(f"{name}.sql"))
        plan = connection.execute(
            "EXPLAIN QUERY PLAN " + re.sub(r":[a-z_]+", "NULL", text)
        ).fetchall()
        steps = [row["detail"] for row in plan]
        assert [step for step in steps if re.fullmatch(r"SCAN payment", step)] == [], name
    connection.close()
