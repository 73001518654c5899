"""A caller's own transaction on the journal's file, whatever its connection is like."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from netcancel.core.lifecycle import Event, State
from netcancel.core.payment import Payment
from netcancel.errors import JournalUnavailable
from netcancel.journal import Journal
from netcancel.journal.sqlite import open_sqlite
from tests.journal.samples import CHANGES, WAYS, WORLD, Clock, bring_to, move, vault
from tests.journal.sqlite.files import MODES


@pytest.fixture(params=MODES)
def journal(request: pytest.FixtureRequest, path: Path) -> Iterator[Journal]:
    """Return an empty journal in each mode."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode=request.param)
    yield journal
    journal.close()


def confirm(journal: Journal, connection: object, payment: Payment) -> Payment | None:
    """Confirm in a connection's transaction."""
    return journal.confirm_in(
        connection,
        worlds=[WORLD],
        tid=payment.tid,
        merc_trx_no=payment.merc_trx_no,
        writer="merchant",
    )


def as_dict(cursor: sqlite3.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row as some frameworks have it."""
    return dict(zip([column[0] for column in cursor.description], row, strict=True))


@pytest.mark.parametrize("text_factory", [bytes, bytearray, str.upper, lambda _: None])
@pytest.mark.parametrize("row_factory", [None, sqlite3.Row, as_dict])
def test_a_connection_may_read_as_it_likes(
    journal: Journal, path: Path, text_factory: Any, row_factory: Any
) -> None:
    """Its factories are its own: it confirms all the same, and they stay what they were."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with closing(sqlite3.connect(path)) as connection:
        connection.text_factory, connection.row_factory = text_factory, row_factory
        confirmed = confirm(journal, connection, payment)
        assert confirmed is not None
        assert confirmed.state is State.APPROVED
        assert (connection.text_factory, connection.row_factory) == (text_factory, row_factory)
        connection.commit()
    found = journal.find(payment.tid, payment.merc_trx_no).result()
    assert found is not None
    assert found.state is State.APPROVED


@pytest.mark.parametrize("state", WAYS)
def test_a_transaction_that_was_begun_for_nothing_is_ended(
    journal: Journal, path: Path, state: State
) -> None:
    """Only a confirmation is worth keeping the file for; a transaction of the caller's goes on."""
    payment = bring_to(journal, state)
    with closing(sqlite3.connect(path)) as connection:
        confirm(journal, connection, payment)
        assert connection.in_transaction == (state is State.UNCONFIRMED)
        connection.rollback()
        connection.execute("BEGIN IMMEDIATE")
        confirm(journal, connection, payment)
        assert connection.in_transaction


def test_what_is_not_there_or_can_not_be_read_leaves_nothing_begun(
    journal: Journal, path: Path
) -> None:
    """Whether nothing comes back or something is raised, the file is free again."""
    payment = bring_to(journal, State.UNCONFIRMED)
    with closing(sqlite3.connect(path)) as connection:
        assert confirm(journal, connection, replace(payment, merc_trx_no="UNKNOWN")) is None
        assert not connection.in_transaction
        connection.execute("UPDATE payment SET answer = '{'")
        connection.commit()
        with pytest.raises(JournalUnavailable):
            confirm(journal, connection, payment)
        assert not connection.in_transaction
    bring_to(journal, State.APPROVED)  # somebody else can write


def test_an_old_view_is_not_taken_for_what_is_so_now(path: Path) -> None:
    """A transaction that has read before is told no yes that has been taken back since."""
    journal = open_sqlite(path, vault(), Clock(), create=True, mode="wal")
    payment = bring_to(journal, State.APPROVED)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN")
        assert connection.execute("SELECT state FROM payment").fetchone() == ("approved",)
        move(journal, payment, Event.CANCEL_ASKED, CHANGES[State.CANCELLING])
        assert connection.execute("SELECT state FROM payment").fetchone() == ("approved",)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            confirm(journal, connection, payment)
        connection.execute("ROLLBACK")
        connection.execute("BEGIN")
        seen = confirm(journal, connection, payment)
        assert seen is not None
        assert seen.state is State.CANCELLING
    journal.close()
